extension ValueEncoding {
    /// What OBJECT ENCODING answers.
    public var name: StaticString {
        switch self {
        case .raw: "raw"
        case .int: "int"
        case .embstr: "embstr"
        }
    }
}
