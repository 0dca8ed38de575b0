import Bytes
import Keyspace
import RESP

/// The options of SET and GETEX: which may stand together, and what the expiry comes to.
struct SetOptions {
    struct Flags: OptionSet {
        let rawValue: UInt16
        static let nx = Flags(rawValue: 1 << 0)
        static let xx = Flags(rawValue: 1 << 1)
        static let get = Flags(rawValue: 1 << 2)
        static let keepTTL = Flags(rawValue: 1 << 3)
        static let persist = Flags(rawValue: 1 << 4)
        static let ex = Flags(rawValue: 1 << 5)
        static let px = Flags(rawValue: 1 << 6)
        static let exat = Flags(rawValue: 1 << 7)
        static let pxat = Flags(rawValue: 1 << 8)

        /// Of these at most one may be given (the same one repeatedly: the last counts).
        static let lifetime: Flags = [.keepTTL, .persist, .ex, .px, .exat, .pxat]
        static let existence: Flags = [.nx, .xx]
        static let withTime: Flags = [.ex, .px, .exat, .pxat]

        static let set: Flags = [.nx, .xx, .get, .keepTTL, .ex, .px, .exat, .pxat]
        static let getex: Flags = [.persist, .ex, .px, .exat, .pxat]
        /// With one of these, the old value matters.
        static let needsOldValue: Flags = [.nx, .xx, .get, .keepTTL]
    }

    private(set) var flags: Flags = []
    /// The argument with the expiry; 0: none.
    private(set) var expiryArgument = 0

    /// Reads the options from the argument `first` on; nil on a syntax error.
    init?(_ arguments: Arguments, from first: Int, accepting accepted: Flags) {
        var index = first
        while index < arguments.count {
            let flag = Self.flag(arguments[index])
            let rivals = Flags.lifetime.contains(flag) ? Flags.lifetime : Flags.existence
            guard !flag.isEmpty, accepted.contains(flag), flag == .get || flags.intersection(rivals).isSubset(of: flag)
            else { return nil }
            flags.insert(flag)
            if Flags.withTime.contains(flag) {
                index += 1
                guard index < arguments.count else { return nil }
                expiryArgument = index
            }
            index += 1
        }
    }

    private static func flag(_ word: ByteSlice) -> Flags {
        switch word.count {
        case 2:
            if word.equalsIgnoringCase("ex") { return .ex }
            if word.equalsIgnoringCase("px") { return .px }
            if word.equalsIgnoringCase("nx") { return .nx }
            if word.equalsIgnoringCase("xx") { return .xx }
        case 3:
            if word.equalsIgnoringCase("get") { return .get }
        case 4:
            if word.equalsIgnoringCase("exat") { return .exat }
            if word.equalsIgnoringCase("pxat") { return .pxat }
        case 7:
            if word.equalsIgnoringCase("keepttl") { return .keepTTL }
            if word.equalsIgnoringCase("persist") { return .persist }
        default: break
        }
        return []
    }

    /// The expiry in unix milliseconds. Nil: it is no valid one, and the reply says so.
    func expiry(_ call: borrowing CommandContext, command: StaticString) -> Int64? {
        Self.expiry(
            call, argument: expiryArgument, seconds: !flags.isDisjoint(with: [.ex, .exat]),
            relative: !flags.isDisjoint(with: [.ex, .px]), command: command)
    }

    /// The expiry that an argument names, in unix milliseconds. Nil: it is no valid one, and the reply says so.
    static func expiry(
        _ call: borrowing CommandContext, argument: Int, seconds: Bool, relative: Bool, command: StaticString
    ) -> Int64? {
        guard let number = call.integer(argument) else { return nil }
        let (scaled, tooMany) = number.multipliedReportingOverflow(by: seconds ? 1000 : 1)
        let (result, tooLate) = scaled.addingReportingOverflow(relative ? call.now : 0)
        if number > 0, !tooMany, !tooLate { return result }
        call.reply.pointee.error(ErrorText.invalidExpire(command))
        return nil
    }
}
