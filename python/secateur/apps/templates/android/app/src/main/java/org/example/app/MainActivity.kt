package org.example.app

import android.Manifest
import android.graphics.Bitmap
import android.graphics.Color
import android.os.Bundle
import android.view.Gravity
import android.widget.FrameLayout
import android.widget.TextView
import androidx.activity.ComponentActivity
import androidx.activity.result.contract.ActivityResultContracts
import androidx.camera.core.CameraSelector
import androidx.camera.core.ImageAnalysis
import androidx.camera.core.ImageProxy
import androidx.camera.core.Preview
import androidx.camera.lifecycle.ProcessCameraProvider
import androidx.camera.view.PreviewView
import java.util.concurrent.Executors

/** The camera's picture with the best label over it. */
class MainActivity : ComponentActivity() {
    private val worker = Executors.newSingleThreadExecutor()
    private lateinit var classifier: Classifier
    private lateinit var view: PreviewView
    private lateinit var label: TextView
    private val permission = registerForActivityResult(ActivityResultContracts.RequestPermission()) { granted ->
        if (granted) start() else label.text = getString(android.R.string.no)
    }

    override fun onCreate(state: Bundle?) {
        super.onCreate(state)
        classifier = Classifier(assets)
        view = PreviewView(this)
        label = TextView(this).apply {
            textSize = 24f
            setTextColor(Color.WHITE)
            setBackgroundColor(0x80000000.toInt())
            gravity = Gravity.CENTER
        }
        val bottom = FrameLayout.LayoutParams(
            FrameLayout.LayoutParams.MATCH_PARENT,
            FrameLayout.LayoutParams.WRAP_CONTENT,
            Gravity.BOTTOM,
        )
        setContentView(FrameLayout(this).apply { addView(view); addView(label, bottom) })
        permission.launch(Manifest.permission.CAMERA)
    }

    private fun start() {
        val ready = ProcessCameraProvider.getInstance(this)
        ready.addListener({
            val preview = Preview.Builder().build().apply { setSurfaceProvider(view.surfaceProvider) }
            val frames = ImageAnalysis.Builder()
                .setOutputImageFormat(ImageAnalysis.OUTPUT_IMAGE_FORMAT_RGBA_8888)
                .setBackpressureStrategy(ImageAnalysis.STRATEGY_KEEP_ONLY_LATEST)
                .build()
            frames.setAnalyzer(worker) { frame -> frame.use(::show) }
            ready.get().unbindAll()
            ready.get().bindToLifecycle(this, CameraSelector.DEFAULT_BACK_CAMERA, preview, frames)
        }, mainExecutor)
    }

    private fun show(frame: ImageProxy) {
        val bitmap = Bitmap.createScaledBitmap(frame.toBitmap(), classifier.width, classifier.height, true)
        val pixels = IntArray(classifier.width * classifier.height)
        bitmap.getPixels(pixels, 0, classifier.width, 0, 0, classifier.width, classifier.height)
        val text = classifier.classify(pixels)
        runOnUiThread { label.text = text }
    }

    override fun onDestroy() {
        super.onDestroy()
        worker.submit { classifier.close() }
        worker.shutdown()
    }
}
