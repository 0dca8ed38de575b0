import Bytes
import Commands
import RESP

/// AUTH and HELLO. There is one user, `default`, whose password is `requirepass`.
enum Authentication {
    static func auth(_ context: inout CommandContext) {
        let arguments = context.arguments
        guard arguments.count <= 3 else { return context.reply.pointee.error(ErrorText.syntax) }
        context.session.redactedArguments = Array(1..<arguments.count)
        if arguments.count == 2, context.core.configuration.current.password == nil {
            return context.reply.pointee.error(ErrorText.authWithoutPassword)
        }
        let user = arguments.count == 3 ? arguments[1] : ByteSlice("default")
        guard login(user, arguments[arguments.count - 1], context.session) else {
            return context.reply.pointee.error(ErrorText.wrongPass)
        }
        context.reply.pointee.ok()
    }

    /// Makes the session the user's if the password is right; else leaves it as it is.
    private static func login(_ user: ByteSlice, _ password: ByteSlice, _ session: ClientSession) -> Bool {
        guard user == ByteSlice("default") else { return false }
        if let secret = session.worker.core.configuration.current.password {
            guard secret.withSlice({ isSame($0, password) }) else { return false }
        }
        session.names.withLock { $0.user = ClientSession.defaultUser }
        session.isAuthenticated = true
        return true
    }

    /// Compares in a time that depends on the lengths only: it looks at as many bytes as the client sent.
    static func isSame(_ secret: ByteSlice, _ given: ByteSlice) -> Bool {
        var difference = UInt8(truncatingIfNeeded: secret.count == given.count ? 0 : 1)
        guard secret.count > 0 else { return given.isEmpty }
        for index in 0..<given.count { difference |= given.base[index] ^ secret.base[index % secret.count] }
        return difference == 0
    }

    // MARK: HELLO

    private struct Options {
        var version: Int?
        var user: ByteSlice?
        var password = ByteSlice.empty
        var name: ByteSlice?
    }

    static func hello(_ context: inout CommandContext) {
        let session = context.session
        guard let options = parse(&context) else { return }
        if let user = options.user, !login(user, options.password, session) {
            return context.reply.pointee.error(ErrorText.wrongPass)
        }
        guard session.isAuthenticated || !context.core.asksForPassword.load(ordering: .relaxed) else {
            return context.reply.pointee.error(ErrorText.helloWithoutAuth)
        }
        if let name = options.name { session.names.withLock { $0.name = name.array } }
        if let version = options.version { session.speak(version: version, context.reply) }
        introduce(session, context.reply)
    }

    /// The options, or nil after the reply that says what is wrong with them. Nothing is changed before all are
    /// understood.
    private static func parse(_ context: inout CommandContext) -> Options? {
        let arguments = context.arguments
        var options = Options()
        if arguments.count > 1 {
            guard let version = Decimal.parseInt64(arguments[1]) else {
                context.reply.pointee.error(ErrorText.protocolNotInteger)
                return nil
            }
            guard version == 2 || version == 3 else {
                context.reply.pointee.error(ErrorText.unsupportedProtocol)
                return nil
            }
            options.version = Int(version)
        }
        var at = 2
        while at < arguments.count {
            if arguments[at].equalsIgnoringCase("auth"), at + 2 < arguments.count {
                context.session.redactedArguments += [at + 1, at + 2]
                options.user = arguments[at + 1]
                options.password = arguments[at + 2]
                at += 3
            } else if arguments[at].equalsIgnoringCase("setname"), at + 1 < arguments.count {
                guard ClientSession.isNameAllowed(arguments[at + 1]) else {
                    context.reply.pointee.error(ErrorText.clientName)
                    return nil
                }
                options.name = arguments[at + 1]
                at += 2
            } else {
                context.reply.pointee.error(ErrorText.helloOption(arguments[at]))
                return nil
            }
        }
        return options
    }

    private static func introduce(_ session: ClientSession, _ reply: UnsafeMutablePointer<ReplyWriter>) {
        reply.pointee.map(7)
        reply.pointee.bulk("server")
        reply.pointee.bulk("redis")
        reply.pointee.bulk("version")
        reply.pointee.bulk(ServerVersion.redis as String)
        reply.pointee.bulk("proto")
        reply.pointee.integer(reply.pointee.version)
        reply.pointee.bulk("id")
        reply.pointee.integer(session.id)
        reply.pointee.bulk("mode")
        reply.pointee.bulk("standalone")
        reply.pointee.bulk("role")
        reply.pointee.bulk("master")
        reply.pointee.bulk("modules")
        reply.pointee.array(0)
    }
}
