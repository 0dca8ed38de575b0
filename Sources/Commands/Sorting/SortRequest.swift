import Bytes
import Keyspace
import RESP
import Values

/// What BY or GET names for each element.
enum SortPattern {
    /// `#`: the element itself.
    case element
    /// No asterisk: the same for all elements, so nothing.
    case nothing
    /// The key whose name has the element in the asterisk's place; of a hash, one field.
    case key(before: ByteSlice, after: ByteSlice, field: ByteSlice?)

    init(_ text: ByteSlice) {
        if text == "#" {
            self = .element
            return
        }
        guard let star = text.firstIndex(of: 0x2a) else {
            self = .nothing
            return
        }
        let rest = text.dropFirst(star + 1)
        // An arrow with nothing behind it belongs to the name.
        if let arrow = Self.arrow(in: rest), arrow + 2 < rest.count {
            self = .key(before: text.prefix(star), after: rest.prefix(arrow), field: rest.dropFirst(arrow + 2))
        } else {
            self = .key(before: text.prefix(star), after: rest, field: nil)
        }
    }

    private static func arrow(in text: ByteSlice) -> Int? {
        (0..<max(0, text.count - 1)).first { text[$0] == 0x2d && text[$0 + 1] == 0x3e }
    }
}

/// The options of a call of SORT, checked.
struct SortRequest {
    /// The key's name in BY; nil: elements are compared themselves.
    var by: SortPattern?
    /// BY something without an asterisk: the order stays as it is.
    var keepsOrder = false
    var isDescending = false
    var isAlphabetic = false
    var offset: Int64 = 0
    var limit: Int64 = -1
    var gets: [SortPattern] = []
    /// The argument that names the destination.
    var destination: Int?

    /// Nil: the error has been replied.
    init?(_ call: borrowing CommandContext, takesStore: Bool) {
        let arguments = call.arguments
        var index = 2
        while index < arguments.count {
            let word = arguments[index]
            let left = arguments.count - index - 1
            if word.equalsIgnoringCase("asc") {
                isDescending = false
            } else if word.equalsIgnoringCase("desc") {
                isDescending = true
            } else if word.equalsIgnoringCase("alpha") {
                isAlphabetic = true
            } else if left >= 2, word.equalsIgnoringCase("limit") {
                guard let first = call.integer(index + 1), let number = call.integer(index + 2) else { return nil }
                offset = first
                limit = number
                index += 2
            } else if left >= 1, takesStore, word.equalsIgnoringCase("store") {
                destination = index + 1
                index += 1
            } else if left >= 1, word.equalsIgnoringCase("by") {
                let pattern = arguments[index + 1]
                by = SortPattern(pattern)
                // It can't be unsaid: a later BY with an asterisk doesn't bring the order back.
                if pattern.firstIndex(of: 0x2a) == nil { keepsOrder = true }
                index += 1
            } else if left >= 1, word.equalsIgnoringCase("get") {
                gets.append(SortPattern(arguments[index + 1]))
                index += 1
            } else {
                call.reply.pointee.error(ErrorText.syntax)
                return nil
            }
            index += 1
        }
    }

    /// The elements of `count` that the limit leaves, by their places in the result's order.
    func window(of count: Int) -> Range<Int> {
        let start = min(max(offset, 0), Int64(count))
        let number = min(max(limit, -1), Int64(count))
        let end = number < 0 ? Int64(count) : min(start + number, Int64(count))
        return Int(start)..<Int(max(start, end))
    }

    /// Appends the index of the destination, as COMMAND GETKEYS finds it: the last STORE counts.
    static func appendDestination(_ arguments: Arguments, to indices: inout [Int]) {
        var found: Int?
        var index = 2
        while index < arguments.count {
            let word = arguments[index]
            if word.equalsIgnoringCase("limit") {
                index += 2
            } else if word.equalsIgnoringCase("get") || word.equalsIgnoringCase("by") {
                index += 1
            } else if word.equalsIgnoringCase("store"), index + 1 < arguments.count {
                index += 1
                found = index
            }
            index += 1
        }
        if let found { indices.append(found) }
    }
}
