package org.example.app

import android.content.res.AssetManager
import java.nio.ByteBuffer
import java.nio.channels.FileChannel
import org.secateur.Secateur

/** A picture in, the best label out. Not for two threads at a time. */
class Classifier(assets: AssetManager) : AutoCloseable {
    private val net = assets.openFd("model.sct").use { file ->
        file.createInputStream().channel.use { channel ->
            Secateur(channel.map(FileChannel.MapMode.READ_ONLY, file.startOffset, file.declaredLength), 0)
        }
    }
    private val labels = if ("labels.txt" in assets.list("").orEmpty()) {
        assets.open("labels.txt").bufferedReader().readLines()
    } else {
        emptyList()
    }
    private val shape = net.shape(false, 0)
    private val last = shape.size == 4 && shape[3] == 3 // channels
    private val bytes = net.dtype(false, 0) == Secateur.UINT8
    private val input = net.newBuffer(false, 0)
    private val scores = net.newBuffer(true, 0)
    val height: Int
    val width: Int

    init {
        require(shape.size == 4 && shape[0] == 1 && (last || shape[1] == 3)) { "the model takes no picture" }
        height = shape[if (last) 1 else 2]
        width = shape[if (last) 2 else 3]
    }

    /** [pixels]: ARGB, [height] rows of [width]. */
    fun classify(pixels: IntArray): String {
        val positions = height * width
        for (i in 0 until positions) {
            for (c in 0 until 3) {
                val value = pixels[i] shr (16 - 8 * c) and 0xff
                val at = if (last) 3 * i + c else c * positions + i
                if (bytes) {
                    input.put(at, value.toByte())
                } else {
                    input.putFloat(4 * at, (value / 255f - MEAN[c]) / DEVIATION[c])
                }
            }
        }
        net.run(arrayOf<ByteBuffer>(input), arrayOf<ByteBuffer>(scores))
        val best = (0 until scores.capacity() / 4).maxByOrNull { scores.getFloat(4 * it) } ?: 0
        return labels.getOrElse(best) { "class $best" }
    }

    override fun close() = net.close()

    private companion object {
        // How the network was trained to see: (pixel / 255 - mean) / deviation, by channel, as on ImageNet.
        val MEAN = floatArrayOf(0.485f, 0.456f, 0.406f)
        val DEVIATION = floatArrayOf(0.229f, 0.224f, 0.225f)
    }
}
