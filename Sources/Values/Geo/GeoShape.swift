import Glibc

/// What GEOSEARCH searches: a circle or a box around a place.
public struct GeoShape: Sendable {
    public enum Extent: Sendable {
        case circle(radius: Double)
        case box(width: Double, height: Double)
    }

    public let center: GeoPoint
    /// In units.
    public let extent: Extent
    /// Metres in a unit.
    public let unit: Double
    private let reach: (width: Double, height: Double)
    private let centerCosine: Double

    public init(center: GeoPoint, extent: Extent, unit: Double) {
        self.center = center
        self.extent = extent
        self.unit = unit
        switch extent {
        case .circle(let radius): reach = (radius * unit, radius * unit)
        case .box(let width, let height): reach = (width * unit, height * unit)
        }
        centerCosine = cos(Self.radians(center.latitude))
    }

    // MARK: Distances

    /// The earth's mean radius by WGS-84, in metres.
    static let earthRadius = 6372797.560856
    /// Half the way around the earth on the Mercator map.
    private static let mercatorReach = 20037726.37
    private static let degree = Double.pi / 180

    @inline(__always)
    private static func radians(_ degrees: Double) -> Double { degrees * degree }

    /// Metres along a great circle (haversine).
    public static func distance(_ a: GeoPoint, _ b: GeoPoint) -> Double {
        distance(a, b, cosine: cos(radians(a.latitude)))
    }

    @inline(__always)
    private static func distance(_ a: GeoPoint, _ b: GeoPoint, cosine: Double) -> Double {
        let v = sin((radians(b.longitude) - radians(a.longitude)) / 2)
        if v == 0 { return distance(latitudes: a.latitude, b.latitude) }
        let latitude = radians(b.latitude)
        let u = sin((latitude - radians(a.latitude)) / 2)
        let chord = u * u + cosine * cos(latitude) * v * v
        return 2 * earthRadius * asin(chord.squareRoot())
    }

    /// Metres between two parallels.
    @inline(__always)
    private static func distance(latitudes a: Double, _ b: Double) -> Double {
        earthRadius * abs(radians(b) - radians(a))
    }

    /// The distance of a point from the center in metres, if it lies in the shape.
    @inline(__always)
    public func distance(to point: GeoPoint) -> Double? {
        let north = Self.distance(latitudes: point.latitude, center.latitude)
        switch extent {
        case .circle:
            // No way is shorter than the one between the parallels; a millionth and a millimetre cover all rounding.
            if north > reach.height * 1.000001 + 0.001 { return nil }
            let distance = Self.distance(center, point, cosine: centerCosine)
            return distance > reach.width ? nil : distance
        case .box:
            if north > reach.height / 2 { return nil }
            let across = Self.distance(point, GeoPoint(longitude: center.longitude, latitude: point.latitude))
            if across > reach.width / 2 { return nil }
            return Self.distance(center, point, cosine: centerCosine)
        }
    }

    // MARK: Boxes of the grid

    private struct Bounds {
        let west, south, east, north: Double
    }

    /// A rectangle around the shape, in degrees. Meridians draw together towards the poles, so its width is that of the
    /// edge that is nearer to one.
    private var bounds: Bounds {
        var (width, height) = reach
        if case .box(let w, let h) = extent { (width, height) = (unit * (w / 2), unit * (h / 2)) }
        let up = height / Self.earthRadius / Self.degree
        let edge = center.latitude < 0 ? center.latitude - up : center.latitude + up
        let side = width / Self.earthRadius / cos(Self.radians(edge)) / Self.degree
        return Bounds(
            west: center.longitude - side, south: center.latitude - up, east: center.longitude + side,
            north: center.latitude + up)
    }

    /// The step at which a box and its neighbours cover the shape in most cases.
    private var estimatedStep: Int {
        var metres: Double
        switch extent {
        case .circle(let radius): metres = radius
        case .box(let width, let height): metres = ((width / 2) * (width / 2) + (height / 2) * (height / 2)).squareRoot()
        }
        metres *= unit
        if metres == 0 { return GeoHash.finest }
        var step = -1
        while metres < Self.mercatorReach {
            metres *= 2
            step += 1
        }
        // Boxes are narrower towards the poles.
        if abs(center.latitude) > 66 { step -= 1 }
        if abs(center.latitude) > 80 { step -= 1 }
        return min(max(step, 1), GeoHash.finest)
    }

    /// The boxes in which the shape's points lie, in the order in which Redis searches them: the middle, north, south,
    /// east, west, then the corners. None stands twice in a row; for shapes half the earth wide others may.
    public var boxes: [GeoHash] {
        let bounds = bounds
        var middle = GeoHash(center, step: estimatedStep)
        // Near an edge of its box the shape may reach beyond the neighbour.
        let isBeyond =
            middle.moved(x: 0, y: 1).area.latitude.max < bounds.north
            || middle.moved(x: 0, y: -1).area.latitude.min > bounds.south
            || middle.moved(x: 1, y: 0).area.longitude.max < bounds.east
            || middle.moved(x: -1, y: 0).area.longitude.min > bounds.west
        if middle.step > 1, isBeyond { middle = GeoHash(center, step: middle.step - 1) }
        let area = middle.area
        let leavesOut = middle.step >= 2
        let noNorth = leavesOut && area.latitude.max > bounds.north
        let noSouth = leavesOut && area.latitude.min < bounds.south
        let noEast = leavesOut && area.longitude.max > bounds.east
        let noWest = leavesOut && area.longitude.min < bounds.west
        var boxes = [middle]
        let around = [(0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, 1), (1, -1), (-1, -1)]
        for (x, y) in around {
            if y > 0 && noNorth || y < 0 && noSouth || x > 0 && noEast || x < 0 && noWest { continue }
            let box = middle.moved(x: x, y: y)
            // As in Redis, which doesn't compare with the middle.
            if boxes.count > 1, boxes[boxes.count - 1] == box { continue }
            boxes.append(box)
        }
        return boxes
    }
}
