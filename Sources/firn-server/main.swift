// firn-server: reads the command line, opens the data, serves until SHUTDOWN or a signal.
import Configuration
import Glibc
import Server

switch ServerArguments.parse(Array(CommandLine.arguments.dropFirst())) {
case .help(let text):
    ServerProcess.complain(text)
    exit(1)
case .version:
    print(ServerProcess.versionLine)
case .failure(let text):
    ServerProcess.complain(text)
    exit(1)
case .serve(let configuration, let notes):
    exit(ServerProcess(configuration: configuration).run(notes: notes))
}
