import Bytes
import Commands
import RESP

/// CLIENT TRACKING, CACHING, GETREDIR and TRACKINGINFO.
enum TrackingCommands {
    static let rows: [CommandRow] = [
        CommandRow(
            "caching", arity: 3, ClientCommands.plain, [.slow, .connection], group: .connection, since: "6.0.0",
            summary: "Whether the keys of the next command are tracked.", complexity: "O(1)",
            documentation: ConnectionSyntax.clientCaching, caching),
        CommandRow(
            "getredir", arity: 2, ClientCommands.plain, [.slow, .connection], group: .connection, since: "6.0.0",
            summary: "Where invalidation messages of the connection go.", complexity: "O(1)"
        ) { $0.reply.pointee.integer($0.session.tracking.options?.redirection ?? -1) },
        CommandRow(
            "tracking", arity: -3, ClientCommands.plain, [.slow, .connection], group: .connection, since: "6.0.0",
            summary: "Whether the connection is told of changes of keys that it has read.",
            complexity: "O(1). Some options may introduce additional complexity.",
            documentation: ConnectionSyntax.clientTracking, tracking),
        CommandRow(
            "trackinginfo", arity: 2, ClientCommands.plain, [.slow, .connection], group: .connection, since: "6.2.0",
            summary: "How the connection's reads are tracked.", complexity: "O(1)", info),
    ]

    /// Turns tracking off, if it is on.
    static func turnOff(_ session: ClientSession) {
        session.worker.core.tracking.disable(session.tracking)
        session.remembersReads = false
        session.hasChosenCaching = false
        session.prefixBytes = 0
    }

    // MARK: CLIENT TRACKING

    private static func tracking(_ context: inout CommandContext) {
        var options = TrackingOptions()
        var target: TrackingClient?
        guard parse(&context, &options, &target) else { return }
        let session = context.session
        if context.arguments[2].equalsIgnoringCase("off") {
            turnOff(session)
        } else if context.arguments[2].equalsIgnoringCase("on") {
            let current = session.tracking.options
            if let problem = problem(options, current) { return context.reply.pointee.error(problem) }
            let given = options.prefixes
            var added: [[UInt8]] = []
            options.prefixes = current?.prefixes ?? []
            if options.isBroadcast {
                if let overlap = overlap(given, options.prefixes) { return context.reply.pointee.error(overlap) }
                added = (given.isEmpty ? [[]] : given).filter { !options.prefixes.contains($0) }
                options.prefixes += added
                options.prefixes.sort { $0.lexicographicallyPrecedes($1) }
            }
            context.core.tracking.enable(session.tracking, options, target: target, added: added)
            session.remembersReads = !options.isBroadcast
            // Prefixes count as the connection's memory.
            session.prefixBytes += added.reduce(0) { $0 + $1.count + prefixBytes }
        } else {
            return context.reply.pointee.error(ErrorText.syntax)
        }
        context.reply.pointee.ok()
    }

    /// What an entry of the list of prefixes takes besides its bytes.
    private static let prefixBytes = 64

    /// Reads the options; false after the reply that says what is wrong with them.
    private static func parse(
        _ context: inout CommandContext, _ options: inout TrackingOptions, _ target: inout TrackingClient?
    ) -> Bool {
        let arguments = context.arguments
        var at = 3
        while at < arguments.count {
            let word = arguments[at]
            let hasMore = at + 1 < arguments.count
            if word.equalsIgnoringCase("redirect"), hasMore {
                at += 1
                guard redirect(&context, to: arguments[at], &options, &target) else { return false }
            } else if word.equalsIgnoringCase("prefix"), hasMore {
                at += 1
                options.prefixes.append(arguments[at].array)
            } else if word.equalsIgnoringCase("bcast") {
                options.isBroadcast = true
            } else if word.equalsIgnoringCase("optin") {
                options.optsIn = true
            } else if word.equalsIgnoringCase("optout") {
                options.optsOut = true
            } else if word.equalsIgnoringCase("noloop") {
                options.excludesOwn = true
            } else {
                context.reply.pointee.error(ErrorText.syntax)
                return false
            }
            at += 1
        }
        return true
    }

    private static func redirect(
        _ context: inout CommandContext, to word: ByteSlice, _ options: inout TrackingOptions,
        _ target: inout TrackingClient?
    ) -> Bool {
        guard options.redirection == 0 else {
            context.reply.pointee.error(ErrorText.trackingOneRedirection)
            return false
        }
        guard let id = Decimal.parseInt64(word) else {
            context.reply.pointee.error(ErrorText.notInteger)
            return false
        }
        guard let session = context.core.sessions().first(where: { $0.id == Int(id) }) else {
            context.reply.pointee.error(ErrorText.trackingNoSuchRedirection)
            return false
        }
        options.redirection = session.id
        target = session.tracking
        return true
    }

    /// Why the options don't go together, or not with how the connection is tracked now.
    private static func problem(_ options: TrackingOptions, _ current: TrackingOptions?) -> StaticString? {
        if !options.isBroadcast, !options.prefixes.isEmpty { return ErrorText.trackingPrefixWithoutBroadcast }
        if let current, current.isBroadcast != options.isBroadcast { return ErrorText.trackingBroadcastSwitch }
        if options.isBroadcast, options.optsIn || options.optsOut { return ErrorText.trackingOptionsInBroadcast }
        if options.optsIn, options.optsOut { return ErrorText.trackingBothOptions }
        if let current, options.optsIn && current.optsOut || options.optsOut && current.optsIn {
            return ErrorText.trackingOptionSwitch
        }
        return nil
    }

    /// Says which prefixes overlap: one of `given` with one of `existing`, or two of `given`.
    private static func overlap(_ given: [[UInt8]], _ existing: [[UInt8]]) -> [UInt8]? {
        func collide(_ a: [UInt8], _ b: [UInt8]) -> Bool { a.starts(with: b) || b.starts(with: a) }
        for (index, prefix) in given.enumerated() {
            if let other = existing.first(where: { collide($0, prefix) }) {
                return ErrorText.trackingPrefixExists(prefix, other)
            }
            if let other = given[(index + 1)...].first(where: { collide(prefix, $0) }) {
                return ErrorText.trackingPrefixGiven(prefix, other)
            }
        }
        return nil
    }

    // MARK: CLIENT CACHING

    private static func caching(_ context: inout CommandContext) {
        guard let options = context.session.tracking.options else {
            return context.reply.pointee.error(ErrorText.cachingWithoutTracking)
        }
        if context.arguments[2].equalsIgnoringCase("yes") {
            guard options.optsIn else { return context.reply.pointee.error(ErrorText.cachingYesWithoutOptIn) }
        } else if context.arguments[2].equalsIgnoringCase("no") {
            guard options.optsOut else { return context.reply.pointee.error(ErrorText.cachingNoWithoutOptOut) }
        } else {
            return context.reply.pointee.error(ErrorText.syntax)
        }
        context.session.hasChosenCaching = true
        context.reply.pointee.ok()
    }

    // MARK: CLIENT TRACKINGINFO

    private static func info(_ context: inout CommandContext) {
        let session = context.session
        let options = session.tracking.options
        var flags: [StaticString] = [options == nil ? "off" : "on"]
        if let options {
            if options.isBroadcast { flags.append("bcast") }
            if options.optsIn {
                flags.append("optin")
                if session.hasChosenCaching { flags.append("caching-yes") }
            }
            if options.optsOut {
                flags.append("optout")
                if session.hasChosenCaching { flags.append("caching-no") }
            }
            if options.excludesOwn { flags.append("noloop") }
            if options.isBroken { flags.append("broken_redirect") }
        }
        let reply = context.reply
        reply.pointee.map(3)
        reply.pointee.bulk("flags")
        reply.pointee.set(flags.count)
        for flag in flags { reply.pointee.bulk(flag) }
        reply.pointee.bulk("redirect")
        reply.pointee.integer(options?.redirection ?? -1)
        reply.pointee.bulk("prefixes")
        reply.pointee.array(options?.prefixes.count ?? 0)
        for prefix in options?.prefixes ?? [] { prefix.withSlice { reply.pointee.bulk($0) } }
    }
}

extension LoopWorker {
    /// Remembers for the session that it has read the keys of the command that has just run, if that is wanted. The
    /// keys' shards are still locked; what the command itself has changed is told first. Called wherever the body of a
    /// command with keys has run.
    @inline(__always)
    func remember(_ session: ClientSession, _ entry: UnsafePointer<CommandIndex.Entry>) {
        if session.remembersReads, entry.pointee.flags.contains(.readOnly) { rememberSlow(session) }
    }

    @inline(never)
    private func rememberSlow(_ session: ClientSession) {
        guard let options = session.tracking.options else { return }
        if options.optsIn, !session.hasChosenCaching { return }
        if options.optsOut, session.hasChosenCaching { return }
        context.pointee.keyspace.tell()
        core.tracking.remember(session.tracking, context.pointee.keys)
    }

    /// CLIENT CACHING is about the next command or transaction; nothing of CLIENT counts as one.
    func endCaching(_ session: ClientSession, after ran: UnsafePointer<CommandIndex.Entry>?) {
        if let ran {
            let top = index[ran.pointee.parent ?? ran.pointee.number]
            if ByteSlice(top.pointee.row.name) == ByteSlice("client") { return }
        }
        session.hasChosenCaching = false
    }

    /// The table of tracked keys is too large: it becomes smaller, and the session hears of it before its reply.
    func reduceTracking(_ session: ClientSession) {
        core.tracking.reduce(for: session)
        sendOwnInvalidations(session)
    }

    /// Writes or sends the messages about the session's own calls. Not in the middle of a reply.
    @inline(__always)
    func sendOwnInvalidations(_ session: ClientSession) {
        if !session.ownInvalidations.isEmpty { sendOwnInvalidationsSlow(session) }
    }

    @inline(never)
    private func sendOwnInvalidationsSlow(_ session: ClientSession) {
        let messages = session.ownInvalidations
        session.ownInvalidations = []
        let reply = context.pointee.reply
        for message in messages {
            session.tracking.send(message) { $0.write(&reply.pointee, isRedirected: false, subscribes: false) }
        }
    }
}
