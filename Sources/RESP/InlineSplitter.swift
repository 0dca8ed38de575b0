import Bytes
import CShims

// An inline request is split like a command line. Outside quotes blanks separate; a quote may begin anywhere in a word
// and must be followed by a blank or the line's end. "..." knows \n \r \t \b \a \xHH and \ before any byte; '...' only
// \'.

/// Appends the words of `line` to `batch`; false if quotes are unbalanced. O(n).
///
/// Words without quotes are views of the line. With a quote in the line all words are decoded into a block of their
/// own, which is never longer than the line; the line itself stays as it was, since a parked request is parsed again.
func splitInline(_ line: ByteSlice, into batch: inout RequestBatch) -> Bool {
    if line.firstIndex(of: 0x22) != nil || line.firstIndex(of: 0x27) != nil {
        return splitQuoted(line, into: &batch)
    }
    var at = 0
    while at < line.count {
        if isBlank(line.base[at]) {
            at += 1
            continue
        }
        let start = at
        while at < line.count, !endsWord(line.base[at]) { at += 1 }
        if at == start {  // a NUL byte, which ends words but is no blank
            at += 1
            continue
        }
        batch.append(ByteSlice(base: line.base + start, count: at - start))
    }
    return true
}

private func splitQuoted(_ line: ByteSlice, into batch: inout RequestBatch) -> Bool {
    let block = SharedBytes(uninitializedCount: line.count)
    batch.decoded.append(block)
    let base = block.slice.base
    // The block has just been made and is seen by nobody else.
    return block.withUnsafeMutableBytes { out in
        var at = 0
        var used = 0
        while at < line.count {
            if isBlank(line.base[at]) || line.base[at] == 0 {
                at += 1
                continue
            }
            let start = used
            guard decodeWord(line, &at, out, &used) else { return false }
            batch.append(ByteSlice(base: base + start, count: used - start))
        }
        return true
    }
}

/// Decodes the word at `at` to `out` at `used`; false if a quote is not closed or followed by more.
private func decodeWord(
    _ line: ByteSlice, _ at: inout Int, _ out: UnsafeMutablePointer<UInt8>, _ used: inout Int
) -> Bool {
    while at < line.count, !endsWord(line.base[at]) {
        let byte = line.base[at]
        at += 1
        guard byte == 0x22 || byte == 0x27 else {
            out[used] = byte
            used += 1
            continue
        }
        while true {
            guard at < line.count else { return false }
            if line.base[at] == byte { break }
            out[used] = byte == 0x22 ? decodeDouble(line, &at) : decodeSingle(line, &at)
            used += 1
        }
        at += 1
        return at == line.count || isBlank(line.base[at])
    }
    return true
}

private func decodeDouble(_ line: ByteSlice, _ at: inout Int) -> UInt8 {
    let byte = line.base[at]
    guard byte == 0x5c, at + 1 < line.count else {
        at += 1
        return byte
    }
    if line.base[at + 1] == 0x78, at + 3 < line.count, let high = hexDigit(line.base[at + 2]),
        let low = hexDigit(line.base[at + 3])
    {
        at += 4
        return high << 4 | low
    }
    let escaped = line.base[at + 1]
    at += 2
    switch escaped {
    case 0x6e: return 0x0a
    case 0x72: return 0x0d
    case 0x74: return 0x09
    case 0x62: return 0x08
    case 0x61: return 0x07
    default: return escaped
    }
}

private func decodeSingle(_ line: ByteSlice, _ at: inout Int) -> UInt8 {
    let byte = line.base[at]
    if byte == 0x5c, at + 1 < line.count, line.base[at + 1] == 0x27 {
        at += 2
        return 0x27
    }
    at += 1
    return byte
}

private func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || byte &- 0x09 < 5 }

private func endsWord(_ byte: UInt8) -> Bool {
    byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09 || byte == 0
}

private func hexDigit(_ byte: UInt8) -> UInt8? {
    if byte &- 0x30 < 10 { return byte &- 0x30 }
    let lower = byte | 0x20
    return lower &- 0x61 < 6 ? lower &- 0x61 + 10 : nil
}
