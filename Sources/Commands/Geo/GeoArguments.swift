import Bytes
import Keyspace
import RESP
import Values

// What the commands on places read and reply: points, units, distances.

extension CommandContext {
    /// The longitude and latitude in two arguments; nil if they are none: the error has been replied.
    func point(_ index: Int) -> GeoPoint? {
        guard let longitude = Decimal.parseDouble(arguments[index]),
            let latitude = Decimal.parseDouble(arguments[index + 1])
        else {
            reply.pointee.error(ErrorText.notFloat)
            return nil
        }
        let point = GeoPoint(longitude: longitude, latitude: latitude)
        if point.isOnTheMap { return point }
        reply.pointee.error(ErrorText.notOnTheMap(longitude: longitude, latitude: latitude))
        return nil
    }

    /// Metres in the unit that an argument names; nil if it names none: the error has been replied.
    func unit(_ index: Int) -> Double? {
        let word = arguments[index]
        if word.equalsIgnoringCase("m") { return 1 }
        if word.equalsIgnoringCase("km") { return 1000 }
        if word.equalsIgnoringCase("ft") { return 0.3048 }
        if word.equalsIgnoringCase("mi") { return 1609.34 }
        reply.pointee.error(ErrorText.unsupportedUnit)
        return nil
    }

    /// A radius and its unit in two arguments, as a circle; nil: the error has been replied.
    func circle(_ index: Int) -> (extent: GeoShape.Extent, unit: Double)? {
        guard let radius = number(index, ErrorText.radiusNotNumeric) else { return nil }
        guard radius >= 0 else {
            reply.pointee.error(ErrorText.radiusNegative)
            return nil
        }
        guard let unit = unit(index + 1) else { return nil }
        return (.circle(radius: radius), unit)
    }

    /// Width, height and their unit in three arguments; nil: the error has been replied.
    func box(_ index: Int) -> (extent: GeoShape.Extent, unit: Double)? {
        guard let width = number(index, ErrorText.widthNotNumeric),
            let height = number(index + 1, ErrorText.heightNotNumeric)
        else { return nil }
        guard width >= 0, height >= 0 else {
            reply.pointee.error(ErrorText.boxNegative)
            return nil
        }
        guard let unit = unit(index + 2) else { return nil }
        return (.box(width: width, height: height), unit)
    }

    private func number(_ index: Int, _ error: StaticString) -> Double? {
        if let number = Decimal.parseDouble(arguments[index]) { return number }
        reply.pointee.error(error)
        return nil
    }
}

extension ReplyWriter {
    /// A distance, as a string with four decimals.
    mutating func distance(_ distance: Double) {
        let scaled = (distance * 10_000).rounded(.toNearestOrEven)
        // What fits no integer is shown as Redis' conversion leaves it on x86-64.
        let number = scaled > -0x1p63 && scaled < 0x1p63 ? Int64(scaled) : .min
        // 20 digits of an integer, a sign, a point, a zero before it.
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { room in
            // The temporary allocation has an address.
            let text = room.baseAddress.unsafelyUnwrapped
            var count = 0
            if number < 0 {
                text[0] = UInt8(ascii: "-")
                count = 1
            }
            count += Decimal.formatUInt64(number.magnitude / 10_000, into: text + count)
            text[count] = UInt8(ascii: ".")
            var rest = number.magnitude % 10_000
            for place in stride(from: 4, through: 1, by: -1) {
                text[count + place] = UInt8(ascii: "0") + UInt8(rest % 10)
                rest /= 10
            }
            bulk(ByteSlice(base: text, count: count + 5))
        }
    }

    /// A longitude or latitude: 17 decimals without the zeros at their end, RESP3 `,`, RESP2 a bulk string.
    mutating func coordinate(_ degrees: Double) {
        Decimal.formatExtended(ExtendedDouble(degrees)).withSlice { text in
            guard version == 3 else { return bulk(text) }
            raw(",")
            raw(text)
            raw("\r\n")
        }
    }

    mutating func point(_ point: GeoPoint) {
        array(2)
        coordinate(point.longitude)
        coordinate(point.latitude)
    }
}
