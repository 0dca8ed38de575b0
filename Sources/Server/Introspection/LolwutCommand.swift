import Bytes
import Commands
import RESP

/// LOLWUT: a field of firn, drawn anew each time.
enum LolwutCommand {
    static let row = CommandRow(
        "lolwut", arity: -1, [.readOnly, .fast], [.read, .fast], group: .server, since: "5.0.0",
        summary: "Draws a picture and tells the version.", complexity: "O(N) for N characters.",
        documentation: ServerSyntax.lolwut, draw)

    private static func draw(_ context: inout CommandContext) {
        var numbers: [Int] = []
        var first = 1
        if context.arguments.count >= 3, context.arguments[1].equalsIgnoringCase("version") { first = 2 }
        // LOLWUT alone, VERSION n, and what the pictures of Redis' versions 5 and 6 take: columns, rows, whatever.
        if context.arguments.count > 1, first == 2 {
            for index in 2..<context.arguments.count {
                guard let number = Decimal.parseInt64(context.arguments[index]) else {
                    return context.reply.pointee.error(ErrorText.notInteger)
                }
                numbers.append(Int(clamping: number))
            }
            numbers.removeFirst()
        }
        let columns = min(max(numbers.first ?? 64, 8), 160)
        let rows = min(max(numbers.dropFirst().first ?? 12, 4), 40)
        let picture = FirnPicture.draw(columns: columns, rows: rows, random: &context.random)
        (picture + "\nFirn ver. \(ServerVersion.firn)\nRedis ver. \(ServerVersion.redis)\n").withSlice {
            context.reply.pointee.verbatim("txt", $0)
        }
    }
}

/// Snow that settles: flakes above, drifts below, packed harder with depth.
enum FirnPicture {
    private static let grains: [Character] = [".", ":", "o", "O", "#"]

    static func draw(columns: Int, rows: Int, random: inout RandomSource) -> String {
        // The drifts' surface is a walk that leans back to the middle.
        var surface: [Int] = []
        var height = rows / 2
        for _ in 0..<columns {
            let lean = height > rows / 2 ? 0 : 2
            height += random.index(below: 3) - (random.index(below: 4) < lean ? 0 : 1)
            height = min(max(height, 1), rows - 1)
            surface.append(height)
        }
        var text = ""
        for row in 0..<rows {
            for column in 0..<columns {
                let depth = row - (rows - surface[column])
                if depth < 0 {
                    text.append(random.index(below: 18) == 0 ? "*" : " ")
                } else {
                    text.append(grains[min(depth * grains.count / max(rows / 2, 1), grains.count - 1)])
                }
            }
            text.append("\n")
        }
        return text
    }
}
