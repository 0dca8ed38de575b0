import Bytes
import Keyspace
import RESP
import Values

/// What a call waits for that found nothing: set by its body as `CommandContext.block`, without a reply.
///
/// The dispatcher registers the call under the locks under which it found nothing. When a key that it waits on gets
/// what it wants, there are two ways:
///
///  - With `serve`, the thread that changed the key serves the call at once, under the lock of that key.
///  - Without, the call runs again from the top with `CommandContext.served` naming the key, which nobody else can
///    reach until then; its body looks at that key only. If it asks to wait again, it does so at its old place, for the
///    rest of its old time. The same where it isn't known whether the key is there.
public struct BlockRequest: Sendable {
    /// Takes what the call wants from the entry of a key, and writes the reply. Touches no other key.
    public typealias Serve =
        @Sendable (inout LockedKeyspace, KeyRef, Entry, UnsafeMutablePointer<ReplyWriter>) -> Void

    /// The keys it waits on, by their places in `CommandContext.keys`. The others must be there when it runs again.
    public let keys: Range<Int>
    /// 0: for ever.
    public let timeoutMilliseconds: Int64
    /// Whether the call, run again, would find what it wants under a key with this record; nil: the key doesn't exist.
    /// Called under the key's lock, by any thread; must be right, or the call is run for nothing.
    public let wants: @Sendable (Record?) -> Bool
    public let serve: Serve?
    /// What the call must not work out again when it runs again: `CommandContext.memory` then.
    public let memory: (any Sendable)?
    /// Writes the reply when the time is up.
    public let expired: @Sendable (UnsafeMutablePointer<ReplyWriter>) -> Void

    public init(
        keys: Range<Int>, timeoutMilliseconds: Int64, memory: (any Sendable)? = nil,
        wants: @escaping @Sendable (Record?) -> Bool, serve: Serve? = nil,
        expired: @escaping @Sendable (UnsafeMutablePointer<ReplyWriter>) -> Void = { $0.pointee.nullArray() }
    ) {
        self.keys = keys
        self.timeoutMilliseconds = timeoutMilliseconds
        self.memory = memory
        self.wants = wants
        self.serve = serve
        self.expired = expired
    }
}

extension CommandContext {
    /// The keys to look at: all, or the one that the call waited on and has been woken for.
    public var candidates: Range<Int> { served.map { $0..<$0 + 1 } ?? 0..<keys.count }

    /// Ends a body that found nothing: the call waits, or where it must not, answers as if its time were up.
    public mutating func wait(_ request: BlockRequest) {
        if isInTransaction { request.expired(reply) } else { block = request }
    }

    /// The timeout that an argument gives in seconds, as milliseconds rounded up; replies the error if it gives none.
    public func timeout(seconds index: Int) -> Int64? {
        guard let seconds = Decimal.parseExtended(arguments[index]) else {
            reply.pointee.error(ErrorText.timeoutNotFloat)
            return nil
        }
        let milliseconds = (seconds * 1000).rounded(.up)
        // 2^63, the first that is too large, has no rounding in any floating-point type.
        guard milliseconds < 0x1p63 else {
            reply.pointee.error(ErrorText.timeoutOutOfRange)
            return nil
        }
        return checked(milliseconds < 0 ? -1 : Int64(milliseconds))
    }

    /// The timeout that an argument gives in milliseconds; replies the error if it gives none.
    public func timeout(milliseconds index: Int) -> Int64? {
        guard let milliseconds = Decimal.parseInt64(arguments[index]) else {
            reply.pointee.error(ErrorText.timeoutNotInteger)
            return nil
        }
        return checked(milliseconds)
    }

    private func checked(_ milliseconds: Int64) -> Int64? {
        guard milliseconds >= 0 else {
            reply.pointee.error(ErrorText.timeoutNegative)
            return nil
        }
        guard milliseconds <= Int64.max - now else {
            reply.pointee.error(ErrorText.timeoutOutOfRange)
            return nil
        }
        return milliseconds
    }
}
