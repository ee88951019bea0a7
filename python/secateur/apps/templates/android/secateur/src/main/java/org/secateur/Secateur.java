package org.secateur;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/**
 * A model and a session of it: one inference at a time, from whichever thread. Buffers are direct and are read and
 * written in place.
 *
 * <pre>
 *   try (Secateur net = new Secateur(model, 0)) {
 *     ByteBuffer scores = net.newBuffer(true, 0);
 *     net.run(new ByteBuffer[] {image}, new ByteBuffer[] {scores});
 *   }
 * </pre>
 */
public final class Secateur implements AutoCloseable {
  static {
    System.loadLibrary("secateur_jni");
  }

  /** As secateur.h numbers them. */
  public static final int FLOAT32 = 0, FLOAT16 = 1, INT8 = 2, INT32 = 3, INT64 = 4, BOOL = 5, UINT8 = 6;

  private static final int[] BYTES = {4, 2, 1, 4, 8, 1, 1};

  private long handle;

  /**
   * @param model the file's bytes in a direct buffer, such as a mapped file; not needed after the call
   * @param threads CPU threads; 0: one on each CPU
   * @throws IllegalStateException where it is no model, or asks for too much
   */
  public Secateur(ByteBuffer model, int threads) {
    handle = open(model, threads);
  }

  public synchronized int inputCount() {
    return count(live(), false);
  }

  public synchronized int outputCount() {
    return count(live(), true);
  }

  /** Sizes of an input or output, row-major. */
  public synchronized int[] shape(boolean output, int index) {
    return shape(live(), output, index);
  }

  /** FLOAT32, ... */
  public synchronized int dtype(boolean output, int index) {
    return dtype(live(), output, index);
  }

  /** A buffer of exactly that port's bytes. */
  public ByteBuffer newBuffer(boolean output, int index) {
    int bytes = BYTES[dtype(output, index)];
    for (int size : shape(output, index)) bytes *= size;
    return ByteBuffer.allocateDirect(bytes).order(ByteOrder.nativeOrder());
  }

  /**
   * One inference: a direct buffer per input and output, of exactly its bytes.
   *
   * @throws IllegalArgumentException where one does not fit
   */
  public synchronized void run(ByteBuffer[] inputs, ByteBuffer[] outputs) {
    run(live(), inputs, outputs);
  }

  @Override
  public synchronized void close() {
    if (handle != 0) close(handle);
    handle = 0;
  }

  private long live() {
    if (handle == 0) throw new IllegalStateException("this Secateur is closed");
    return handle;
  }

  private static native long open(ByteBuffer model, int threads);

  private static native void close(long handle);

  private static native int count(long handle, boolean output);

  private static native int dtype(long handle, boolean output, int index);

  private static native int[] shape(long handle, boolean output, int index);

  private static native void run(long handle, ByteBuffer[] inputs, ByteBuffer[] outputs);
}
