import Commands

/// The arguments of the commands of a connection, as COMMAND DOCS describes them.
enum ConnectionSyntax {
    static let auth = CommandDocumentation([
        CommandArgument(.string, "username", .optional, since: "6.0.0"),
        CommandArgument(.string, "password"),
    ])
    static let clientUnblock = CommandDocumentation([
        CommandArgument(.integer, "client-id"),
        CommandArgument(
            .oneof, "timeout_error", .optional,
            arguments: [
                CommandArgument(.pureToken, "timeout", token: "TIMEOUT"),
                CommandArgument(.pureToken, "error", token: "ERROR"),
            ]),
    ])
    static let clientReply = CommandDocumentation([
        CommandArgument(
            .oneof, "on_off_skip",
            arguments: [
                CommandArgument(.pureToken, "on", token: "ON"),
                CommandArgument(.pureToken, "off", token: "OFF"),
                CommandArgument(.pureToken, "skip", token: "SKIP"),
            ]),
    ])
    static let clientKill = CommandDocumentation([
        CommandArgument(
            .oneof, "filter",
            arguments: [
                CommandArgument(.string, "ip:port"),
                CommandArgument(
                    .oneof, "new-format", .multiple,
                    arguments: [
                        CommandArgument(.integer, "client-id", .optional, token: "ID", since: "2.8.12"),
                        CommandArgument(
                            .oneof, "normal_master_slave_pubsub", .optional, token: "TYPE", since: "2.8.12",
                            arguments: [
                                CommandArgument(.pureToken, "normal", token: "NORMAL"),
                                CommandArgument(.pureToken, "master", token: "MASTER", since: "3.2.0"),
                                CommandArgument(.pureToken, "slave", token: "SLAVE"),
                                CommandArgument(.pureToken, "replica", token: "REPLICA", since: "5.0.0"),
                                CommandArgument(.pureToken, "pubsub", token: "PUBSUB"),
                            ]),
                        CommandArgument(.string, "username", .optional, token: "USER"),
                        CommandArgument(.string, "ip:port", .optional, token: "ADDR"),
                        CommandArgument(.string, "ip:port", .optional, token: "LADDR", since: "6.2.0"),
                        CommandArgument(.string, "yes/no", .optional, token: "SKIPME"),
                        CommandArgument(.integer, "maxage", .optional, token: "MAXAGE", since: "7.4.0"),
                    ]),
            ]),
    ])
    static let clientSetname = CommandDocumentation([
        CommandArgument(.string, "connection-name"),
    ])
    static let clientSetinfo = CommandDocumentation([
        CommandArgument(
            .oneof, "attr",
            arguments: [
                CommandArgument(.string, "libname", token: "LIB-NAME"),
                CommandArgument(.string, "libver", token: "LIB-VER"),
            ]),
    ])
    static let clientCaching = CommandDocumentation([
        CommandArgument(
            .oneof, "mode",
            arguments: [
                CommandArgument(.pureToken, "yes", token: "YES"),
                CommandArgument(.pureToken, "no", token: "NO"),
            ]),
    ])
    static let clientTracking = CommandDocumentation([
        CommandArgument(
            .oneof, "status",
            arguments: [
                CommandArgument(.pureToken, "on", token: "ON"),
                CommandArgument(.pureToken, "off", token: "OFF"),
            ]),
        CommandArgument(.integer, "client-id", .optional, token: "REDIRECT"),
        CommandArgument(.string, "prefix", [.optional, .multiple, .multipleToken], token: "PREFIX"),
        CommandArgument(.pureToken, "bcast", .optional, token: "BCAST"),
        CommandArgument(.pureToken, "optin", .optional, token: "OPTIN"),
        CommandArgument(.pureToken, "optout", .optional, token: "OPTOUT"),
        CommandArgument(.pureToken, "noloop", .optional, token: "NOLOOP"),
    ])
    static let clientNoTouch = CommandDocumentation([
        CommandArgument(
            .oneof, "enabled",
            arguments: [
                CommandArgument(.pureToken, "on", token: "ON"),
                CommandArgument(.pureToken, "off", token: "OFF"),
            ]),
    ])
    static let clientPause = CommandDocumentation([
        CommandArgument(.integer, "timeout"),
        CommandArgument(
            .oneof, "mode", .optional, since: "6.2.0",
            arguments: [
                CommandArgument(.pureToken, "write", token: "WRITE"),
                CommandArgument(.pureToken, "all", token: "ALL"),
            ]),
    ])
    static let clientNoEvict = CommandDocumentation([
        CommandArgument(
            .oneof, "enabled",
            arguments: [
                CommandArgument(.pureToken, "on", token: "ON"),
                CommandArgument(.pureToken, "off", token: "OFF"),
            ]),
    ])
    static let clientList = CommandDocumentation([
        CommandArgument(
            .oneof, "normal_master_replica_pubsub", .optional, token: "TYPE", since: "5.0.0",
            arguments: [
                CommandArgument(.pureToken, "normal", token: "NORMAL"),
                CommandArgument(.pureToken, "master", token: "MASTER"),
                CommandArgument(.pureToken, "replica", token: "REPLICA"),
                CommandArgument(.pureToken, "pubsub", token: "PUBSUB"),
            ]),
        CommandArgument(
            .block, "id", .optional, token: "ID", since: "6.2.0",
            arguments: [
                CommandArgument(.integer, "client-id", .multiple),
            ]),
    ])
    static let echo = CommandDocumentation([
        CommandArgument(.string, "message"),
    ])
    static let hello = CommandDocumentation([
        CommandArgument(
            .block, "arguments", .optional,
            arguments: [
                CommandArgument(.integer, "protover"),
                CommandArgument(
                    .block, "username_password", .optional, token: "AUTH",
                    arguments: [
                        CommandArgument(.string, "username"),
                        CommandArgument(.string, "password"),
                    ]),
                CommandArgument(.string, "clientname", .optional, token: "SETNAME"),
            ]),
    ])
    static let ping = CommandDocumentation([
        CommandArgument(.string, "message", .optional),
    ])
    static let select = CommandDocumentation([
        CommandArgument(.integer, "index"),
    ])
    static let wait = CommandDocumentation([
        CommandArgument(.integer, "numreplicas"),
        CommandArgument(.integer, "timeout"),
    ])
    static let waitaof = CommandDocumentation([
        CommandArgument(.integer, "numlocal"),
        CommandArgument(.integer, "numreplicas"),
        CommandArgument(.integer, "timeout"),
    ])
}
