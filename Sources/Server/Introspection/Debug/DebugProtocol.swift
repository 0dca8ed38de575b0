import Bytes
import Commands
import RESP

/// DEBUG PROTOCOL: one reply of each type, for the tests of clients.
enum DebugProtocol {
    static func reply(_ context: inout CommandContext, type: String) {
        let reply = context.reply
        switch type {
        case "string": reply.pointee.bulk("Hello World")
        case "integer": reply.pointee.integer(12345)
        case "double": reply.pointee.double(3.141)
        case "bignum": reply.pointee.bigNumber(ByteSlice("1234567999999999999999999999999999999"))
        case "null": reply.pointee.null()
        case "array", "set":
            if type == "set" { reply.pointee.set(3) } else { reply.pointee.array(3) }
            for number in 0..<3 { reply.pointee.integer(number) }
        case "map":
            reply.pointee.map(3)
            for number in 0..<3 {
                reply.pointee.integer(number)
                reply.pointee.boolean(number == 1)
            }
        case "attrib":
            if reply.pointee.version == 3 {
                reply.pointee.attribute(1)
                reply.pointee.bulk("key-popularity")
                reply.pointee.array(2)
                reply.pointee.bulk("key:123")
                reply.pointee.integer(90)
            }
            reply.pointee.bulk("Some real reply following the attribute")
        case "push":
            guard reply.pointee.version == 3 else {
                return reply.pointee.error("ERR RESP2 is not supported by this command")
            }
            reply.pointee.push(2)
            reply.pointee.bulk("server-cpu-usage")
            reply.pointee.integer(42)
            reply.pointee.bulk("Some real reply following the push reply")
        case "verbatim": reply.pointee.verbatim("txt", ByteSlice("This is a verbatim\nstring"))
        case "true": reply.pointee.boolean(true)
        case "false": reply.pointee.boolean(false)
        default:
            reply.pointee.error(
                "ERR Wrong protocol type name. Please use one of the following: string|integer|double|bignum|null|array"
                    + "|set|map|attrib|push|verbatim|true|false")
        }
    }
}
