// A thin layer over secateur.h: handles that close themselves, arrays in and out, errors thrown.
//
//     let model = try Model(path: "model.sct")
//     let session = try Session(model, threads: 0)
//     let scores = try session.run([image])[0]
import CSecateur

public struct SecateurError: Error, CustomStringConvertible {
    public let status: sct_status
    public let description: String
}

func check(_ status: sct_status) throws {
    if status != SCT_OK {
        throw SecateurError(status: status, description: String(cString: sct_last_error()))
    }
}

func makeOptions(threads: Int32) -> sct_options {
    var options = sct_options()
    sct_options_init(&options)
    options.threads = threads
    return options
}

/// An input or output.
public struct Port {
    public let name: String
    public let shape: [Int]
    public let dtype: sct_dtype
    public let elements: Int

    init(_ info: sct_port_info) {
        name = String(cString: info.name)
        let sizes = withUnsafeBytes(of: info.shape) { Array($0.bindMemory(to: UInt32.self)) }
        shape = sizes.prefix(Int(info.rank)).map(Int.init)
        dtype = info.dtype
        elements = info.elements
    }
}

/// Immutable: threads and sessions may share one.
public final class Model {
    let handle: OpaquePointer
    public let inputs: [Port]
    public let outputs: [Port]

    /// threads: what its sessions will use; 0: one on each CPU.
    public init(path: String, threads: Int32 = 1) throws {
        var options = makeOptions(threads: threads)
        var made: OpaquePointer?
        try check(sct_model_open(path, &options, &made))
        handle = made!
        inputs = try Model.ports(sct_model_input_count(made), of: made, by: sct_model_input)
        outputs = try Model.ports(sct_model_output_count(made), of: made, by: sct_model_output)
    }

    deinit { sct_model_close(handle) }

    private static func ports(
        _ count: Int, of model: OpaquePointer?,
        by ask: (OpaquePointer?, Int, UnsafeMutablePointer<sct_port_info>?) -> sct_status
    ) throws -> [Port] {
        try (0..<count).map { index in
            var info = sct_port_info()
            info.struct_size = UInt32(MemoryLayout<sct_port_info>.size)
            try check(ask(model, index, &info))
            return Port(info)
        }
    }
}

/// One inference at a time. `cancel` may be called from any thread.
public final class Session {
    private let handle: OpaquePointer
    private let model: Model

    public init(_ model: Model, threads: Int32 = 1) throws {
        var options = makeOptions(threads: threads)
        var made: OpaquePointer?
        try check(sct_session_create(model.handle, &options, &made))
        handle = made!
        self.model = model
    }

    deinit { sct_session_destroy(handle) }

    /// Float arrays in and out, one for each port, in the model's order.
    public func run(_ inputs: [[Float]]) throws -> [[Float]] {
        let ins = inputs.map(Session.buffer)
        let outs = model.outputs.map { Session.buffer([Float](repeating: 0, count: $0.elements)) }
        defer { (ins + outs).forEach { $0.deallocate() } }
        try check(sct_session_run_tensors(
            handle, ins.map(Session.tensor), ins.count, outs.map(Session.tensor), outs.count))
        return outs.map(Array.init)
    }

    /// Ends the run at hand: it throws an error of status SCT_CANCELLED.
    public func cancel() { sct_session_cancel(handle) }

    private static func buffer(_ values: [Float]) -> UnsafeMutableBufferPointer<Float> {
        let made = UnsafeMutableBufferPointer<Float>.allocate(capacity: values.count)
        _ = made.initialize(from: values)
        return made
    }

    private static func tensor(_ buffer: UnsafeMutableBufferPointer<Float>) -> sct_tensor {
        sct_tensor(
            data: UnsafeMutableRawPointer(buffer.baseAddress),
            bytes: buffer.count * MemoryLayout<Float>.stride, dtype: Int32(SCT_FLOAT32.rawValue))
    }
}
