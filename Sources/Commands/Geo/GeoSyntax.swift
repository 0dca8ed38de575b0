/// The arguments of the commands on places, as COMMAND DOCS describes them.
enum GeoSyntax {
    private static let key = CommandArgument(.key, "key", keySpec: 0)
    private static let units = [
        CommandArgument(.pureToken, "m", token: "M"), CommandArgument(.pureToken, "km", token: "KM"),
        CommandArgument(.pureToken, "ft", token: "FT"), CommandArgument(.pureToken, "mi", token: "MI"),
    ]
    private static let unit = CommandArgument(.oneof, "unit", arguments: units)
    private static let point = [CommandArgument(.double, "longitude"), CommandArgument(.double, "latitude")]

    static let geoadd = CommandDocumentation(
        [
            key,
            CommandArgument(
                .oneof, "condition", .optional, since: "6.2.0",
                arguments: [
                    CommandArgument(.pureToken, "nx", token: "NX"), CommandArgument(.pureToken, "xx", token: "XX"),
                ]),
            CommandArgument(.pureToken, "change", .optional, token: "CH", since: "6.2.0"),
            CommandArgument(
                .block, "longitude_latitude_member", .multiple,
                arguments: point + [CommandArgument(.string, "member")]),
        ], history: [("6.2.0", "Added the `CH`, `NX` and `XX` options.")])
    static let geodist = CommandDocumentation([
        key, CommandArgument(.string, "member1"), CommandArgument(.string, "member2"),
        CommandArgument(.oneof, "unit", .optional, arguments: units),
    ])
    static let members = CommandDocumentation([key, CommandArgument(.string, "member", .multiple)])

    // MARK: Searches

    private static let center = CommandArgument(
        .oneof, "from",
        arguments: [
            CommandArgument(.string, "member", token: "FROMMEMBER"),
            CommandArgument(.block, "longitude_latitude", token: "FROMLONLAT", arguments: point),
        ])
    private static let extent = CommandArgument(
        .oneof, "by",
        arguments: [
            CommandArgument(
                .block, "circle", arguments: [CommandArgument(.double, "radius", token: "BYRADIUS"), unit]),
            CommandArgument(
                .block, "box",
                arguments: [
                    CommandArgument(.double, "width", token: "BYBOX"), CommandArgument(.double, "height"), unit,
                ]),
        ])
    private static let order = CommandArgument(
        .oneof, "order", .optional,
        arguments: [
            CommandArgument(.pureToken, "asc", token: "ASC"), CommandArgument(.pureToken, "desc", token: "DESC"),
        ])
    private static func count(anySince: StaticString? = nil) -> CommandArgument {
        CommandArgument(
            .block, "count", .optional,
            arguments: [
                CommandArgument(.integer, "count", token: "COUNT"),
                CommandArgument(.pureToken, "any", .optional, token: "ANY", since: anySince),
            ])
    }
    private static let extras = [
        CommandArgument(.pureToken, "withcoord", .optional, token: "WITHCOORD"),
        CommandArgument(.pureToken, "withdist", .optional, token: "WITHDIST"),
        CommandArgument(.pureToken, "withhash", .optional, token: "WITHHASH"),
    ]
    private static let uppercase: (since: StaticString, change: StaticString) = (
        "7.0.0", "Added support for uppercase unit names."
    )

    static let geosearch = CommandDocumentation(
        [key, center, extent, order, count()] + extras, history: [uppercase])
    static let geosearchstore = CommandDocumentation(
        [
            CommandArgument(.key, "destination", keySpec: 0), CommandArgument(.key, "source", keySpec: 1), center,
            extent, order, count(), CommandArgument(.pureToken, "storedist", .optional, token: "STOREDIST"),
        ], history: [uppercase])

    private static let around = [key] + point + [CommandArgument(.double, "radius"), unit] + extras
    private static let aroundMember =
        [key, CommandArgument(.string, "member"), CommandArgument(.double, "radius"), unit] + extras
    private static let store = [
        CommandArgument(.key, "key", .optional, token: "STORE", keySpec: 1),
        CommandArgument(.key, "key", .optional, token: "STOREDIST", keySpec: 2),
    ]
    private static let any: (since: StaticString, change: StaticString) = (
        "6.2.0", "Added the `ANY` option for `COUNT`."
    )

    static let georadius = CommandDocumentation(
        around + [count(anySince: "6.2.0"), order] + store, history: [any, uppercase],
        deprecated: ("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument"))
    static let georadiusReadOnly = CommandDocumentation(
        around + [count(anySince: "6.2.0"), order], history: [any],
        deprecated: ("6.2.0", "`GEOSEARCH` with the `BYRADIUS` argument"))
    static let georadiusbymember = CommandDocumentation(
        aroundMember + [count(), order] + store, history: [uppercase],
        deprecated: ("6.2.0", "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments"))
    static let georadiusbymemberReadOnly = CommandDocumentation(
        aroundMember + [count(), order],
        deprecated: ("6.2.0", "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments"))
}
