import Bytes
import Commands
import Platform
import RESP

/// CLIENT KILL.
enum ClientKill {
    /// What a connection must meet; nil: anything.
    private struct Filter {
        var address: ByteSlice?
        var localAddress: ByteSlice?
        var kind: ClientList.Kind?
        var id: Int?
        var user: ByteSlice?
        var ageSeconds: Int64?
        var skipsCaller = true

        func matches(_ session: ClientSession, socketPath: String, now: Int64) -> Bool {
            if let id, session.id != id { return false }
            if let kind, !kind.matches(session) { return false }
            if let address {
                let text = session.addressText(session.peerAddress, socketPath: socketPath)
                guard text.withSlice({ $0 == address }) else { return false }
            }
            if let localAddress {
                let text = session.addressText(session.localAddress, socketPath: socketPath)
                guard text.withSlice({ $0 == localAddress }) else { return false }
            }
            if let user {
                guard session.names.withLock({ $0.user }).withSlice({ $0 == user }) else { return false }
            }
            if let ageSeconds, now / 1000 - session.createdMilliseconds / 1000 < ageSeconds { return false }
            return true
        }
    }

    static func kill(_ context: inout CommandContext) {
        let isOldForm = context.arguments.count == 3
        var filter = Filter()
        if isOldForm {
            filter.address = context.arguments[2]
            filter.skipsCaller = false
        } else {
            guard parse(&context, &filter) else { return }
        }
        let killed = close(filter, context)
        if !isOldForm {
            context.reply.pointee.integer(killed)
        } else if killed == 0 {
            context.reply.pointee.error(ErrorText.noSuchClient)
        } else {
            context.reply.pointee.ok()
        }
    }

    /// Closes what the filter matches, the caller after its reply; how many they are.
    private static func close(_ filter: Filter, _ context: borrowing CommandContext) -> Int {
        let caller = context.session
        let socketPath = context.core.configuration.current.unixSocket ?? ""
        let now = Clock.unixMilliseconds()
        var killed = 0
        for session in context.core.sessions() where filter.matches(session, socketPath: socketPath, now: now) {
            if session === caller {
                if filter.skipsCaller { continue }
                caller.closeAfterReply = true
                killed += 1
            } else if session.requestClose() {
                killed += 1
            }
        }
        return killed
    }

    /// False after a reply that says what is wrong.
    private static func parse(_ context: inout CommandContext, _ filter: inout Filter) -> Bool {
        let arguments = context.arguments
        var at = 2
        while at < arguments.count {
            guard at + 1 < arguments.count, take(arguments[at], arguments[at + 1], &filter, context.reply) else {
                // A pair that is wrong has been answered already.
                if at + 1 >= arguments.count { context.reply.pointee.error(ErrorText.syntax) }
                return false
            }
            at += 2
        }
        return true
    }

    private static func take(
        _ option: ByteSlice, _ value: ByteSlice, _ filter: inout Filter, _ reply: UnsafeMutablePointer<ReplyWriter>
    ) -> Bool {
        if option.equalsIgnoringCase("id") {
            guard let id = Decimal.parseInt64(value), id > 0 else {
                return refuse(reply, ErrorText.clientIDNotPositive)
            }
            filter.id = Int(id)
        } else if option.equalsIgnoringCase("type") {
            guard let kind = ClientList.Kind(value) else {
                reply.pointee.error(ErrorText.unknownClientType(value))
                return false
            }
            filter.kind = kind
        } else if option.equalsIgnoringCase("addr") {
            filter.address = value
        } else if option.equalsIgnoringCase("laddr") {
            filter.localAddress = value
        } else if option.equalsIgnoringCase("user") {
            guard value == ByteSlice("default") else {
                reply.pointee.error(ErrorText.noSuchUser(value))
                return false
            }
            filter.user = value
        } else if option.equalsIgnoringCase("maxage") {
            guard let age = Decimal.parseInt64(value) else { return refuse(reply, ErrorText.maxAgeNotInteger) }
            guard age > 0 else { return refuse(reply, ErrorText.maxAgeNotPositive) }
            filter.ageSeconds = age
        } else if option.equalsIgnoringCase("skipme") {
            if value.equalsIgnoringCase("yes") {
                filter.skipsCaller = true
            } else if value.equalsIgnoringCase("no") {
                filter.skipsCaller = false
            } else {
                return refuse(reply, ErrorText.syntax)
            }
        } else {
            return refuse(reply, ErrorText.syntax)
        }
        return true
    }

    private static func refuse(_ reply: UnsafeMutablePointer<ReplyWriter>, _ text: StaticString) -> Bool {
        reply.pointee.error(text)
        return false
    }
}
