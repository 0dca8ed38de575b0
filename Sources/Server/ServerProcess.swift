import CShims
import Configuration
import Glibc
import Platform
import Storage
import Telemetry
import Values

/// The process around the server: working directory, daemon, process id file, signals, exit code.
public struct ServerProcess {
    let configuration: ConfigurationStore
    /// Comes between the tier and its provider; for tests.
    public var wrapping: (@Sendable (any StorageProvider) -> any StorageProvider)?
    /// Called before the server starts; for tests.
    public var prepare: (ServerCore) -> Void = { _ in }

    public init(configuration: ConfigurationStore) { self.configuration = configuration }

    public static var versionLine: String {
        "Firn server v=\(ServerVersion.firn) redis_version=\(ServerVersion.redis) "
            + "malloc=\(ServerVersion.allocator) bits=64"
    }

    /// Writes to standard error.
    public static func complain(_ text: String) {
        let bytes = Array(text.utf8)
        // Nobody is left to tell if that fails.
        _ = write(STDERR_FILENO, bytes, bytes.count)
    }

    /// Runs until the end; the exit code.
    public func run(notes: [String]) -> Int32 {
        let settings = configuration.current
        signal(SIGPIPE, SIG_IGN)
        signal(SIGHUP, SIG_IGN)
        guard chdir(settings.directory) == 0 else {
            Self.complain("Can't chdir to '\(settings.directory)': \(String(cString: strerror(errno)))\n")
            return 1
        }
        if settings.daemonize, firn_daemonize() != 0 {
            Self.complain("Can't start in the background: \(String(cString: strerror(errno)))\n")
            return 1
        }
        let log = Log(level: .init(name: settings.logLevel.rawValue) ?? .notice, path: settings.logFile)
        log.notice("Firn is starting")
        log.notice("\(Self.versionLine), pid=\(getpid()), just started")
        for note in notes { log.warning(note) }
        raiseFileLimit(settings, log)
        // Signals go to one thread; all others, started from here on, inherit the mask.
        var signals = sigset_t()
        sigemptyset(&signals)
        sigaddset(&signals, SIGTERM)
        sigaddset(&signals, SIGINT)
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        firn_allocator_background(settings.jemallocBackgroundThread ? 1 : 0)
        do {
            return try serve(settings, log, signals)
        } catch {
            log.warning("\(error)")
            Self.complain("\(error)\n")
            return 1
        }
    }

    private func serve(_ settings: Settings, _ log: Log, _ signals: sigset_t) throws -> Int32 {
        let parts = try KeyspaceStartup.open(settings, log: log) { wrapping?($0) ?? $0 }
        // Before there is a collection.
        PagedHash.hash = parts.store.placement.memberHash
        let core = ServerCore(configuration: configuration, log: log, parts: parts)
        prepare(core)
        do {
            try core.start()
        } catch {
            log.warning("Failed listening on port \(settings.port): \(error), aborting.")
            Self.complain("\(error)\n")
            return 1
        }
        writePIDFile(settings, log)
        log.notice("Running mode=standalone, port=\(core.loops.port), PID: \(getpid())")
        log.notice("Server initialized")
        log.notice("Ready to accept connections")
        waitForSignals(core, log, signals)
        let ending = core.waitForEnd()
        log.notice("User requested shutdown, \(ending == .clean ? "everything is saved" : "nothing was saved")")
        core.stop()
        var code: Int32 = 0
        do {
            try core.tier?.provider.close()
        } catch {
            log.warning("Closing the flash tier failed: \(error.message)")
            if ending == .clean { code = 1 }
        }
        if let path = pidFile(settings) { unlink(path) }
        log.warning("Firn is now ready to exit, bye bye...")
        return code
    }

    private func waitForSignals(_ core: ServerCore, _ log: Log, _ signals: sigset_t) {
        _ = Platform.Thread(name: "signals") {
            var signals = signals
            var interrupts = 0
            while true {
                var number: Int32 = 0
                guard sigwait(&signals, &number) == 0 else { continue }
                interrupts += 1
                // As Redis: a second Ctrl-C ends at once.
                if number == SIGINT, interrupts > 1 { _exit(1) }
                log.warning("Received \(number == SIGINT ? "SIGINT" : "SIGTERM") scheduling shutdown...")
                let flags =
                    number == SIGINT
                    ? core.configuration.current.shutdownOnInterrupt : core.configuration.current.shutdownOnTerminate
                if let reason = core.requestShutdown(
                    saving: !flags.contains(.noSave), insists: flags.contains(.force))
                {
                    log.warning(
                        "Errors trying to shut down the server: \(reason). Check the logs for more information.")
                }
            }
        }
    }

    private func raiseFileLimit(_ settings: Settings, _ log: Log) {
        let wanted = ServerCore.wantedDescriptors(settings, hasTier: settings.flashDirectory != nil)
        let got = firn_raise_file_limit(wanted)
        if got < wanted {
            log.warning(
                "The limit of open files is \(got), wanted are \(wanted): fewer clients than maxclients can be served.")
        }
    }

    private func pidFile(_ settings: Settings) -> String? {
        settings.pidFile ?? (settings.daemonize ? "/var/run/redis.pid" : nil)
    }

    private func writePIDFile(_ settings: Settings, _ log: Log) {
        guard let path = pidFile(settings) else { return }
        guard let file = fopen(path, "w") else {
            return log.warning("Can't write the pid file \(path): \(String(cString: strerror(errno)))")
        }
        fputs("\(getpid())\n", file)
        fclose(file)
    }
}
