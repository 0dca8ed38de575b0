import Bytes
import Glibc
import Values

extension ValueType {
    static let all: [ValueType] = [.string, .list, .set, .zset, .hash, .stream]
}

func quoted(_ bytes: ByteSlice) -> String {
    var text: [UInt8] = []
    text.append(quoted: bytes)
    return String(decoding: text, as: UTF8.self)
}

/// 1,234,567
func grouped(_ number: Int) -> String {
    let digits = Array(String(number.magnitude))
    var text = number < 0 ? "-" : ""
    for (index, digit) in digits.enumerated() {
        if index > 0, (digits.count - index) % 3 == 0 { text += "," }
        text.append(digit)
    }
    return text
}

/// 1.5 GiB
func bytesText(_ bytes: Int) -> String {
    var (unit, scaled) = (0, bytes * 10)
    while scaled >= 10_240, unit < 4 {
        scaled /= 1024
        unit += 1
    }
    let name = ["bytes", "KiB", "MiB", "GiB", "TiB"][unit]
    return unit == 0 ? "\(bytes) \(name)" : "\(scaled / 10).\(scaled % 10) \(name)"
}

/// Rows under their headings; the first column to the left, the others to the right.
func table(_ headings: [String], _ rows: [[String]]) -> String {
    let widths = headings.indices.map { column in
        ([headings] + rows).map { $0[column].unicodeScalars.count }.max() ?? 0
    }
    return ([headings] + rows).map { row in
        zip(row, widths).enumerated().map { column, cell in
            let padding = String(repeating: " ", count: cell.1 - cell.0.unicodeScalars.count)
            return column == 0 ? cell.0 + padding : padding + cell.0
        }.joined(separator: "  ").trimmedAtEnd + "\n"
    }.joined()
}

extension String {
    fileprivate var trimmedAtEnd: String {
        var text = self
        while text.last == " " { text.removeLast() }
        return text
    }
}

func printError(_ text: String, terminator: String = "\n") {
    Array((text + terminator).utf8).withSlice { _ = Glibc.write(STDERR_FILENO, $0.base, $0.count) }
}
