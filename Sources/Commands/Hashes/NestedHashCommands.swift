import Bytes
import Keyspace
import RESP
import Values

/// KEYDB.NHSET and KEYDB.NHGET: trees of values under names joined by dots.
///
/// In KeyDB a tree is a type of its own, which it neither saves nor spills. Here the tree `a` is the hash of that key,
/// and the value at `a.b.c` its field `b.c`, so that all that is true of hashes is true of trees: they are persistent,
/// may be cold, expire, and can be looked at with HGETALL. The elements of a list at `b.c` are fields whose last name
/// is a zero byte and a number. A value takes the place of what stands at its name or above it, so a field is never a
/// part of another's name.
public enum NestedHashCommands {
    public static let rows: [CommandRow] = [
        CommandRow(
            "keydb.nhset", arity: -3, [.write, .denyOOM], [.write, .hash, .slow], group: .hash,
            keys: [.one([.readWrite, .update], notes: "The key is what stands before the first dot.")],
            plan: .custom(plan), since: "6.2.0",
            summary: "Sets a value (several: a list) in a tree, at names joined by dots.",
            complexity: "O(N) for N values in the tree", set),
        CommandRow(
            "keydb.nhget", arity: -2, [.readOnly], [.read, .hash, .slow], group: .hash,
            keys: [
                KeySpec(
                    [.readOnly, .access], .index(-1), .range(last: 0, step: 1, limit: 0),
                    notes: "The key is what stands before the first dot.")
            ],
            plan: .custom(plan), since: "6.2.0", summary: "Returns a part of a tree as arrays or as JSON.",
            complexity: "O(N) for N values in the tree", get),
    ]

    private static let dot = UInt8(ascii: ".")

    /// The key is a part of an argument.
    private static func plan(_ arguments: Arguments, _ database: Int, _ uses: inout [KeyUse]) {
        let index = pathIndex(arguments)
        let length = arguments[index].firstIndex(of: dot) ?? arguments[index].count
        uses.append(KeyUse(argument: index, length: length, database: database, need: .value))
    }

    /// NHGET's path is its last argument, NHSET's its first.
    private static func pathIndex(_ arguments: Arguments) -> Int {
        arguments[0].equalsIgnoringCase("keydb.nhget") ? arguments.count - 1 : 1
    }

    /// Names in a path: a tree is walked recursively.
    private static let deepest = 128

    /// What stands behind the first dot: empty if there is none. Nil if a name in it is empty, or they are too many,
    /// which has been replied.
    private static func field(_ call: borrowing CommandContext) -> ByteSlice? {
        let path = call.arguments[pathIndex(call.arguments)]
        guard isPath(path) else {
            call.reply.pointee.error(ErrorText.syntax)
            return nil
        }
        return path.dropFirst(call.key.bytes.count + 1)
    }

    private static func isPath(_ path: ByteSlice) -> Bool {
        var names = 1
        var before = dot
        for index in 0..<path.count {
            if path[index] == dot {
                if before == dot { return false }
                names += 1
            }
            before = path[index]
        }
        return before != dot && names <= deepest
    }

    // MARK: NHSET

    private static func set(_ call: inout CommandContext) {
        guard let field = field(call) else { return }
        let values = 2..<call.arguments.count
        guard !field.isEmpty else { return setWhole(&call, values) }
        var found: (entry: Entry, hash: HashValue)?
        if let entry = call.keyspace.find(call.key) {
            switch entry.record.type {
            case .hash: found = (call.keyspace.collection(of: entry) as? HashValue).map { (entry, $0) }
            // A value that stands above gives way.
            case .string, .list: break
            default: return call.reply.pointee.error(ErrorText.wrongType)
            }
        }
        if let found, call.refuses(found.hash) { return }
        let arguments = call.arguments
        var isThere = false
        let apply = { (hash: HashValue) in
            let displaced = displaced(by: field, in: hash)
            isThere = displaced.isThere
            for name in displaced.names { name.withSlice { _ = hash.remove($0) } }
            for (number, index) in values.enumerated() {
                name(field, values.count > 1 ? number : nil).withSlice { _ = hash.set($0, arguments[index]) }
            }
        }
        if let found {
            call.change(found.entry, found.hash, apply)
        } else {
            let hash = HashValue()
            apply(hash)
            if call.refuses(hash) { return }
            call.store(call.key, hash)
        }
        call.keyspace.notify(.hash, "hset", call.key)
        call.reply.pointee.integer(isThere ? 1 : 0)
    }

    /// A path of one name: the value is the key's.
    private static func setWhole(_ call: inout CommandContext, _ values: Range<Int>) {
        let existed = call.keyspace.find(call.key) != nil
        if values.count == 1 {
            call.keyspace.setString(call.key, call.arguments[2])
            call.keyspace.notify(.string, "set", call.key)
        } else {
            let list = ListValue()
            for index in values { list.push(call.arguments[index], .right) }
            if call.refuses(list) { return }
            call.store(call.key, list)
            call.keyspace.notify(.list, "rpush", call.key)
        }
        call.reply.pointee.integer(existed ? 1 : 0)
    }

    /// The fields that give way to a value, and whether something stood at its very name.
    private static func displaced(by field: ByteSlice, in hash: HashValue) -> (names: [[UInt8]], isThere: Bool) {
        var names: [[UInt8]] = []
        var isThere = false
        hash.forEach { pair in
            pair.page.withBytes(pair.field) { other in
                let isSame = other == field
                let isBelow = other.count > field.count && other[field.count] == dot && other.hasPrefix(field)
                // An element of a list stands for the list.
                let whole = listName(other) ?? other
                let isAbove = field.count > whole.count && field[whole.count] == dot && field.hasPrefix(whole)
                guard isSame || isBelow || isAbove else { return }
                names.append(other.array)
                isThere = isThere || isSame || isBelow
            }
            return true
        }
        return (names, isThere)
    }

    /// The field of a value, or of the element of a list.
    private static func name(_ field: ByteSlice, _ element: Int?) -> [UInt8] {
        guard let element else { return field.array }
        return field.array + [dot, 0] + Decimal.bytes(Int64(element))
    }

    /// The list that an element belongs to; nil for what is none.
    private static func listName(_ field: ByteSlice) -> ByteSlice? {
        var at = field.count - 1
        while at > 0, field[at] != dot { at -= 1 }
        return at > 0 && at + 1 < field.count && field[at + 1] == 0 ? field.prefix(at) : nil
    }

    // MARK: NHGET

    /// A tree as it is replied.
    private final class Node {
        var value: [UInt8]?
        var elements: [Int: [UInt8]] = [:]
        var names: [[UInt8]] = []
        var children: [[UInt8]: Node] = [:]

        func child(_ name: [UInt8]) -> Node {
            if let child = children[name] { return child }
            let child = Node()
            children[name] = child
            names.append(name)
            return child
        }

        var list: [[UInt8]]? {
            elements.isEmpty ? nil : elements.sorted { $0.key < $1.key }.map(\.value)
        }
    }

    private static func get(_ call: inout CommandContext) {
        guard call.arguments.count <= 3 else { return call.reply.pointee.error(ErrorText.syntax) }
        var isJSON = false
        if call.arguments.count == 3 {
            isJSON = call.arguments[1].equalsIgnoringCase("json")
            guard isJSON || call.arguments[1].equalsIgnoringCase("resp") else {
                return call.reply.pointee.error(ErrorText.syntax)
            }
        }
        guard let field = field(call) else { return }
        guard let entry = call.keyspace.read(call.key) else { return call.reply.pointee.error(ErrorText.noSuchKey) }
        let root: Node
        switch entry.record.type {
        case .string where field.isEmpty:
            root = Node()
            root.value = entry.record.withString { $0.array }
        case .list where field.isEmpty:
            root = Node()
            var number = 0
            if let list = call.keyspace.collection(of: entry) as? ListValue {
                list.forEach(in: 0..<list.count) { page, at in
                    root.elements[number] = page.withBytes(at) { $0.array }
                    number += 1
                    return true
                }
            }
        case .hash:
            guard let hash = call.keyspace.collection(of: entry) as? HashValue, let part = tree(hash, at: field) else {
                return call.reply.pointee.error(ErrorText.noSuchKey)
            }
            root = part
        case .string, .list: return call.reply.pointee.error(ErrorText.noSuchKey)
        default: return call.reply.pointee.error(ErrorText.wrongType)
        }
        if isJSON {
            var text = ByteBuffer()
            json(root, &text)
            call.reply.pointee.bulk(text.slice)
        } else {
            reply(root, call.reply)
        }
    }

    /// The part of a tree at a name, empty for all of it; nil if there is nothing.
    private static func tree(_ hash: HashValue, at field: ByteSlice) -> Node? {
        let root = Node()
        var isEmpty = true
        hash.forEach { pair in
            pair.page.withBytes(pair.field) { other in
                var rest = other
                if !field.isEmpty {
                    guard other.hasPrefix(field), other.count == field.count || other[field.count] == dot
                    else { return }
                    rest = other.dropFirst(field.count + 1)
                }
                isEmpty = false
                place(rest, pair.page.withBytes(pair.value) { $0.array }, under: root)
            }
            return true
        }
        return isEmpty ? nil : root
    }

    /// A field that HSET has made may have names that a path can't have: no harm, and no deeper.
    private static func place(_ names: ByteSlice, _ value: [UInt8], under root: Node) {
        var node = root
        for name in names.array.split(separator: dot, maxSplits: deepest) {
            if name.first == 0, let number = Array(name.dropFirst()).withSlice({ Decimal.parseInt64($0) }) {
                node.elements[Int(number)] = value
                return
            }
            node = node.child(Array(name))
        }
        node.value = value
    }

    /// As KeyDB, which leaves the outer array away around a single pair.
    private static func reply(_ node: Node, _ writer: UnsafeMutablePointer<ReplyWriter>) {
        if let value = node.value { return value.withSlice { writer.pointee.bulk($0) } }
        if let list = node.list {
            writer.pointee.array(list.count)
            for element in list { element.withSlice { writer.pointee.bulk($0) } }
            return
        }
        if node.names.count > 1 { writer.pointee.array(node.names.count) }
        for name in node.names {
            writer.pointee.array(2)
            name.withSlice { writer.pointee.bulk($0) }
            if let child = node.children[name] { reply(child, writer) }
        }
    }

    private static func json(_ node: Node, _ text: inout ByteBuffer) {
        if let value = node.value { return json(value, &text) }
        if let list = node.list {
            text.append(UInt8(ascii: "["))
            for (number, element) in list.enumerated() {
                if number > 0 { text.append(UInt8(ascii: ",")) }
                json(element, &text)
            }
            return text.append(UInt8(ascii: "]"))
        }
        text.append(UInt8(ascii: "{"))
        for (number, name) in node.names.enumerated() {
            if number > 0 { text.append(UInt8(ascii: ",")) }
            json(name, &text)
            text.append(ByteSlice(" : "))
            if let child = node.children[name] { json(child, &text) }
        }
        text.append(UInt8(ascii: "}"))
    }

    private static func json(_ string: [UInt8], _ text: inout ByteBuffer) {
        let digits = Array("0123456789abcdef".utf8)
        text.append(UInt8(ascii: "\""))
        for byte in string {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"):
                text.append(UInt8(ascii: "\\"))
                text.append(byte)
            case 0..<0x20:
                text.append(ByteSlice("\\u00"))
                text.append(digits[Int(byte >> 4)])
                text.append(digits[Int(byte & 15)])
            default: text.append(byte)
            }
        }
        text.append(UInt8(ascii: "\""))
    }
}
