/// What makes a client's bytes no requests. The connection is closed after `text` was sent.
public enum ProtocolError: Error, Equatable, Sendable {
    case invalidMultibulkLength
    case tooBigMultibulkCount
    case unauthenticatedMultibulkLength
    case tooBigBulkCount
    case invalidBulkLength
    case unauthenticatedBulkLength
    case expectedDollar(got: UInt8)
    case tooBigInlineRequest
    case unbalancedQuotes

    /// The reply's text, without the leading `-`.
    public var text: [UInt8] {
        let reason: StaticString
        switch self {
        case .invalidMultibulkLength: reason = "invalid multibulk length"
        case .tooBigMultibulkCount: reason = "too big mbulk count string"
        case .unauthenticatedMultibulkLength: reason = "unauthenticated multibulk length"
        case .tooBigBulkCount: reason = "too big bulk count string"
        case .invalidBulkLength: reason = "invalid bulk length"
        case .unauthenticatedBulkLength: reason = "unauthenticated bulk length"
        case .tooBigInlineRequest: reason = "too big inline request"
        case .unbalancedQuotes: reason = "unbalanced quotes in request"
        case .expectedDollar(let byte):
            return Array("ERR Protocol error: expected '$', got '".utf8) + [byte, 0x27]
        }
        return Array("ERR Protocol error: \(reason)".utf8)
    }
}

/// What a parser accepts; the same for all connections but for the last.
public struct ParserLimits: Sendable {
    /// The longest bulk argument (`proto-max-bulk-len`).
    public var maximumBulkBytes = 512 << 20
    /// The most arguments of one request. A request's bytes and the 16 bytes of each argument are held until it ran.
    public var maximumArguments = 1 << 20
    /// The longest inline request or header line.
    public var maximumLineBytes = 64 << 10
    /// Before authentication: 10 arguments of 16 KiB, one request per batch (it may be the AUTH for the next).
    public var isAuthenticated = true

    public init() {}
}
