import Bytes
import RESP
import Values

/// Members with their scores, on the way to a reply or into a sorted set: the bytes in one block, a line for each.
struct ScoredMembers: ~Copyable {
    private struct Line {
        let score: Double
        let start: Int
        let count: Int
    }
    private var bytes = ByteBuffer()
    private var lines: [Line] = []
    private var longest = 0

    var count: Int { lines.count }

    mutating func append(_ member: ByteSlice, _ score: Double) {
        lines.append(Line(score: score, start: bytes.count, count: member.count))
        bytes.append(member)
        longest = max(longest, member.count)
    }

    /// Puts them in the order of sorted sets: by score, those of the same score by their bytes.
    mutating func sort() {
        let all = bytes.slice
        func member(_ line: Line) -> ByteSlice { ByteSlice(base: all.base + line.start, count: line.count) }
        lines.sort { left, right in
            left.score != right.score ? left.score < right.score : member(left).compare(member(right)) < 0
        }
    }

    private func element(_ number: Int) -> (member: ByteSlice, score: Double) {
        let line = lines[number]
        return (bytes.slice[line.start..<line.start + line.count], line.score)
    }

    func reply(_ writer: PairWriter) {
        writer.begin(count)
        for number in 0..<count {
            let (member, score) = element(number)
            writer.write(member, score)
        }
    }

    /// The sorted set of these members, which have been sorted.
    func value() -> SortedSetValue { SortedSetValue(count: count, longest: longest) { element($0) } }
}
