/// What the command line asks for.
public enum Startup: Sendable {
    /// Serve with these settings, after logging the notes.
    case serve(ConfigurationStore, notes: [String])
    /// Print the text on standard error and exit with 1, as Redis does for -h.
    case help(String)
    /// Print name and version and exit with 0.
    case version
    /// Print the text on standard error and exit with 1.
    case failure(String)
}

/// The command line of the server: `firn-server [file] [--directive value ...] [-]`.
///
/// Options are lines that follow the file (and standard input, for `-`), so the last word counts. A value may have
/// several words; `--save` without a value means an empty one.
public enum ServerArguments {
    public static let usage = """
        Usage: firn-server [/path/to/firn.conf] [--directive value ...] [-]
               firn-server - (read the configuration from standard input)
               firn-server -v or --version
               firn-server -h or --help

        Every directive of the configuration file is an option too:
               firn-server --port 7777
               firn-server /etc/firn/firn.conf --maxmemory 4gb --storage-provider flash /var/lib/firn/flash
               echo 'maxmemory 128mb' | firn-server -

        """

    /// What to do with `arguments` (without the program's name).
    public static func parse(_ arguments: [String]) -> Startup {
        parse(arguments.map { Array($0.utf8) })
    }

    /// The same for arguments that need not be UTF-8. Reads standard input if they ask for it.
    public static func parse(_ arguments: [[UInt8]]) -> Startup {
        switch String(decoding: arguments.first ?? [], as: UTF8.self) {
        case "-v", "--version": return .version
        case "-h", "--help": return .help(usage)
        case "--test-memory", "--check-system": return .failure("firn-server has no memory or system check\n")
        default: break
        }
        var rest = arguments[...]
        var path: String?
        if let first = rest.first, first.first != UInt8(ascii: "-"), !first.isEmpty {
            path = String(decoding: first, as: UTF8.self)
            rest = rest.dropFirst()
        }
        let (options, readsInput) = lines(Array(rest), isFirst: path == nil)
        return load(path, options, readsInput: readsInput)
    }

    private static func load(_ path: String?, _ options: [UInt8], readsInput: Bool) -> Startup {
        var text: [UInt8] = []
        var absolute: String?
        do throws(ConfigurationFile.Failure) {
            if let path {
                text = try ConfigurationFile.read(path)
                absolute = try ConfigurationFile.absolute(path)
            }
        } catch {
            return .failure("Fatal error, can't open config file '\(path ?? "")': \(error.text)\n")
        }
        if readsInput {
            do throws(ConfigurationFile.Failure) {
                text += try ConfigurationFile.read(nil)
            } catch {
                return .failure("Fatal error, can't read the configuration from standard input: \(error.text)\n")
            }
        }
        return settings(text + [0x0a] + options, file: absolute)
    }

    /// The settings out of the text of a file (with `file`, its absolute path).
    static func settings(_ text: [UInt8], file: String?) -> Startup {
        do throws(Loader.Failure) {
            var loader = Loader()
            try loader.load(text, path: file)
            return .serve(ConfigurationStore(try loader.finish(file: file)), notes: loader.notes())
        } catch {
            return .failure(error.text)
        }
    }

    /// The options as lines of a file, and whether `-` asks for standard input.
    static func lines(_ arguments: [[UInt8]], isFirst: Bool) -> (text: [UInt8], readsInput: Bool) {
        var text: [UInt8] = []
        var readsInput = false
        // Whether the last option has a value: only then does "--" begin the next one (a value may begin with it).
        var isComplete = true
        for (index, argument) in arguments.enumerated() {
            let isLast = index == arguments.count - 1
            let isOption = argument.starts(with: "--".utf8)
            if argument == [UInt8(ascii: "-")], isLast || (isFirst && index == 0) {
                readsInput = true
            } else if isComplete, isOption {
                if !text.isEmpty { text.append(0x0a) }
                text += argument.dropFirst(2) + [0x20]
                isComplete = LineSyntax.split(argument)?.count != 1
                let nextIsOption = !isLast && arguments[index + 1].starts(with: "--".utf8)
                if LineSyntax.equals(argument, "--save"), isLast || nextIsOption {
                    text += Array("\"\"".utf8)
                    isComplete = true
                }
            } else {
                text += LineSyntax.quoted(argument) + [0x20]
                isComplete = true
            }
        }
        return (text, readsInput)
    }
}
