/// The commands on places, which are the scores of members of sorted sets.
///
/// A row names the function that it stands for: see GeoMembers and GeoSearches. The arithmetic is in Values/Geo.
public enum GeoCommands {
    public static let rows: [CommandRow] = members + searches + radii

    private static let members: [CommandRow] = [
        CommandRow(
            "geoadd", arity: -5, [.write, .denyOOM], [.write, .geo, .slow], group: .geo,
            keys: [.one([.readWrite, .update])],
            plan: .specified(.placements),
            since: "3.2.0", summary: "Adds members at longitudes and latitudes to a sorted set, or moves them.",
            complexity: "O(log(N)) for each member, N elements",
            documentation: GeoSyntax.geoadd, geoadd),
        CommandRow(
            "geodist", arity: -4, .readOnly, [.read, .geo, .slow], group: .geo,
            keys: [.one([.readOnly, .access])],
            plan: .specified(.elements),
            since: "3.2.0", summary: "Returns the distance between two members.",
            complexity: "O(1)",
            documentation: GeoSyntax.geodist, geodist),
        CommandRow(
            "geohash", arity: -2, .readOnly, [.read, .geo, .slow], group: .geo,
            keys: [.one([.readOnly, .access])],
            plan: .specified(.elements),
            since: "3.2.0", summary: "Returns the places of members as geohashes.",
            complexity: "O(1) for each member",
            documentation: GeoSyntax.members, geohash),
        CommandRow(
            "geopos", arity: -2, .readOnly, [.read, .geo, .slow], group: .geo,
            keys: [.one([.readOnly, .access])],
            plan: .specified(.elements),
            since: "3.2.0", summary: "Returns the longitudes and latitudes of members.",
            complexity: "O(1) for each member",
            documentation: GeoSyntax.members, geopos),
    ]

    private static let searches: [CommandRow] = [
        CommandRow(
            "geosearch", arity: -7, .readOnly, [.read, .geo, .slow], group: .geo,
            keys: [.one([.readOnly, .access])],
            since: "6.2.0", summary: "Finds the members in a circle or a box.",
            complexity: "O(N+log(M)) for N of M members near the shape",
            documentation: GeoSyntax.geosearch, geosearch),
        CommandRow(
            "geosearchstore", arity: -8, [.write, .denyOOM], [.write, .geo, .slow], group: .geo,
            keys: [.one([.overwrite, .update]), .one([.readOnly, .access], at: 2)],
            plan: .custom(keysOfGeosearchstore),
            since: "6.2.0", summary: "Stores the members in a circle or a box as a sorted set.",
            complexity: "O(N+log(M)) for N of M members near the shape",
            documentation: GeoSyntax.geosearchstore, geosearchstore),
    ]

    /// The source, and what follows STORE or STOREDIST.
    private static func storeKeys(from first: Int) -> [KeySpec] {
        [.one([.readOnly, .access])]
            + ["STORE", "STOREDIST"].map {
                KeySpec(
                    [.overwrite, .update], .keyword($0, startFrom: first), .range(last: 0, step: 1, limit: 0))
            }
    }

    private static let radii: [CommandRow] = [
        CommandRow(
            "georadius", arity: -6, [.write, .denyOOM, .movableKeys], [.write, .geo, .slow], group: .geo,
            keys: storeKeys(from: 6), plan: .custom(keysOfGeoradius),
            since: "3.2.0", summary: "Finds the members around a place, or stores them as a sorted set.",
            complexity: "O(N+log(M)) for N of M members near the circle",
            documentation: GeoSyntax.georadius, georadius),
        CommandRow(
            "georadius_ro", arity: -6, .readOnly, [.read, .geo, .slow], group: .geo,
            keys: [.one([.readOnly, .access])],
            since: "3.2.10", summary: "Finds the members around a place.",
            complexity: "O(N+log(M)) for N of M members near the circle",
            documentation: GeoSyntax.georadiusReadOnly, georadiusReadOnly),
        CommandRow(
            "georadiusbymember", arity: -5, [.write, .denyOOM, .movableKeys], [.write, .geo, .slow], group: .geo,
            keys: storeKeys(from: 5), plan: .custom(keysOfGeoradiusbymember),
            since: "3.2.0", summary: "Finds the members around one of them, or stores them as a sorted set.",
            complexity: "O(N+log(M)) for N of M members near the circle",
            documentation: GeoSyntax.georadiusbymember, georadiusbymember),
        CommandRow(
            "georadiusbymember_ro", arity: -5, .readOnly, [.read, .geo, .slow], group: .geo,
            keys: [.one([.readOnly, .access])],
            since: "3.2.10", summary: "Finds the members around one of them.",
            complexity: "O(N+log(M)) for N of M members near the circle",
            documentation: GeoSyntax.georadiusbymemberReadOnly, georadiusbymemberReadOnly),
    ]
}
