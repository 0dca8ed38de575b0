extension ValueEncoding {
    /// What OBJECT ENCODING answers of a string.
    public var name: StaticString {
        switch self {
        case .raw: "raw"
        case .int: "int"
        case .collection: preconditionFailure("a collection names its encoding itself")
        case .embstr: "embstr"
        }
    }
}
