// Places on earth as numbers: the score of a place in a sorted set. Longitude and latitude are each cut in halves `step`
// times; which half it was each time are the bits, interleaved, those of the longitude in the higher places. Places
// whose numbers begin alike are near each other, so a box of the grid is a range of scores. With 26 steps the 52 bits
// are exact in a double.

/// A longitude and a latitude in degrees.
public struct GeoPoint: Sendable {
    public var longitude: Double
    public var latitude: Double

    public init(longitude: Double, latitude: Double) {
        self.longitude = longitude
        self.latitude = latitude
    }

    /// Half the height of the square Mercator map.
    @inlinable
    public static var northernmost: Double { 85.05112878 }
    @inlinable
    public static var easternmost: Double { 180 }

    public var isOnTheMap: Bool { abs(longitude) <= Self.easternmost && abs(latitude) <= Self.northernmost }
}

/// A box of the grid.
public struct GeoHash: Equatable, Sendable {
    public var bits: UInt64
    /// How often each side was halved, 1 to 26.
    public let step: Int

    public static let finest = 26

    public init(bits: UInt64, step: Int) {
        self.bits = bits
        self.step = step
    }

    /// The box that a point lies in, in a grid that reaches from `-northernmost` to there.
    public init(_ point: GeoPoint, step: Int = finest, northernmost: Double = GeoPoint.northernmost) {
        let cells = Double(UInt64(1) << UInt64(step))
        let y = (point.latitude + northernmost) / (2 * northernmost) * cells
        let x = (point.longitude + GeoPoint.easternmost) / (2 * GeoPoint.easternmost) * cells
        bits = Self.spread(UInt32(y)) | Self.spread(UInt32(x)) << 1
        self.step = step
    }

    /// The box of the finest grid that a member's score stands for. A score may be any number here: what is no box
    /// becomes one as Redis' conversion has it on x86-64.
    public init(score: Double) {
        bits = Self.integer(score)
        step = Self.finest
    }

    private static func integer(_ score: Double) -> UInt64 {
        func truncated(_ value: Double) -> Int64 {
            value > -0x1p63 && value < 0x1p63 ? Int64(value) : .min
        }
        if score < 0x1p63 { return UInt64(bitPattern: truncated(score)) }
        return UInt64(bitPattern: truncated(score - 0x1p63)) ^ 1 << 63
    }

    /// The scores of the members in the box: from this one up to, but not including, `endScore`.
    public var startScore: Double { Double(bits << UInt64(52 - 2 * step)) }
    public var endScore: Double { Double((bits + 1) << UInt64(52 - 2 * step)) }

    // MARK: Bits

    /// Puts a zero before each bit.
    private static func spread(_ value: UInt32) -> UInt64 {
        var x = UInt64(value)
        x = (x | x << 16) & 0x0000_ffff_0000_ffff
        x = (x | x << 8) & 0x00ff_00ff_00ff_00ff
        x = (x | x << 4) & 0x0f0f_0f0f_0f0f_0f0f
        x = (x | x << 2) & 0x3333_3333_3333_3333
        return (x | x << 1) & lowPlaces
    }

    /// The opposite: every other bit, from the lowest.
    @inline(__always)
    private static func gather(_ value: UInt64) -> UInt32 {
        var x = value & lowPlaces
        x = (x | x >> 1) & 0x3333_3333_3333_3333
        x = (x | x >> 2) & 0x0f0f_0f0f_0f0f_0f0f
        x = (x | x >> 4) & 0x00ff_00ff_00ff_00ff
        x = (x | x >> 8) & 0x0000_ffff_0000_ffff
        return UInt32(truncatingIfNeeded: x | x >> 16)
    }

    private static let lowPlaces: UInt64 = 0x5555_5555_5555_5555

    // MARK: The box

    public struct Area: Sendable {
        public let longitude: (min: Double, max: Double)
        public let latitude: (min: Double, max: Double)
    }

    @inline(__always)
    public var area: Area {
        let cells = Double(UInt64(1) << UInt64(step))
        // The edges are computed as Redis does, step by step: replies show every digit.
        func edge(_ index: UInt32, _ start: Double, _ size: Double) -> Double {
            start + Double(index) / cells * size
        }
        let (north, east) = (GeoPoint.northernmost, GeoPoint.easternmost)
        let (y, x) = (Self.gather(bits), Self.gather(bits >> 1))
        return Area(
            longitude: (edge(x, -east, 2 * east), edge(x &+ 1, -east, 2 * east)),
            latitude: (edge(y, -north, 2 * north), edge(y &+ 1, -north, 2 * north)))
    }

    /// The middle of the box, on the map.
    @inline(__always)
    public var center: GeoPoint {
        let area = area
        let longitude = (area.longitude.min + area.longitude.max) / 2
        let latitude = (area.latitude.min + area.latitude.max) / 2
        return GeoPoint(
            longitude: min(max(longitude, -GeoPoint.easternmost), GeoPoint.easternmost),
            latitude: min(max(latitude, -GeoPoint.northernmost), GeoPoint.northernmost))
    }

    /// The box `x` boxes to the east and `y` to the north; beyond the edge of the map it goes on at the other one.
    public func moved(x: Int, y: Int) -> GeoHash {
        // The outermost point of the map has a bit more than the step; it goes with the first move.
        func move(_ index: UInt32, _ distance: Int) -> UInt64 {
            guard distance != 0 else { return Self.spread(index) }
            return Self.spread((index &+ UInt32(truncatingIfNeeded: distance)) & (1 << UInt32(step) - 1))
        }
        return GeoHash(bits: move(Self.gather(bits >> 1), x) << 1 | move(Self.gather(bits), y), step: step)
    }

    /// The eleven letters of a geohash as the world knows it: of the same place in a grid that reaches from pole to pole.
    /// Of the last letter no bit is known, it is always "0".
    public var letters: [UInt8] {
        let alphabet = Array("0123456789bcdefghjkmnpqrstuvwxyz".utf8)
        let standard = GeoHash(center, northernmost: 90)
        return (0..<11).map { $0 == 10 ? alphabet[0] : alphabet[Int(standard.bits >> UInt64(47 - 5 * $0) & 31)] }
    }
}
