import Bytes

/// The texts of commands on places.
extension ErrorText {
    public static let unsupportedUnit: StaticString = "ERR unsupported unit provided. please use M, KM, FT, MI"
    public static let radiusNotNumeric: StaticString = "ERR need numeric radius"
    public static let radiusNegative: StaticString = "ERR radius cannot be negative"
    public static let widthNotNumeric: StaticString = "ERR need numeric width"
    public static let heightNotNumeric: StaticString = "ERR need numeric height"
    public static let boxNegative: StaticString = "ERR height or width cannot be negative"
    public static let undecodableMember: StaticString = "ERR could not decode requested zset member"
    public static let searchCountNotPositive: StaticString = "ERR COUNT must be > 0"
    public static let anyWithoutCount: StaticString = "ERR the ANY argument requires COUNT argument"
    public static let searchStoreOptions: StaticString =
        "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options"
    public static let radiusStoreOptions: StaticString =
        "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options"

    /// `command` as the client wrote it, like the next.
    public static func searchCenter(_ command: ByteSlice) -> [UInt8] {
        ByteSlice("ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for ").array + command.array
    }
    public static func searchExtent(_ command: ByteSlice) -> [UInt8] {
        ByteSlice("ERR exactly one of BYRADIUS and BYBOX can be specified for ").array + command.array
    }

    public static func notOnTheMap(longitude: Double, latitude: Double) -> [UInt8] {
        ByteSlice("ERR invalid longitude,latitude pair ").array + Decimal.formatFixed(longitude, decimals: 6) + [0x2c]
            + Decimal.formatFixed(latitude, decimals: 6)
    }
}
