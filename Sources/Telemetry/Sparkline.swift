/// A graph of characters, as LATENCY GRAPH answers it: bars of four rows, filled, a label under each written downwards.
///
/// A bar's height is counted in thirds of a row: `_`, `o`, `#` from low to high, and `|` where the bar goes on above.
enum Sparkline {
    static let columns = 80
    static let rows = 4
    private static let thirds: [UInt8] = Array("_o#".utf8)

    /// Lines of at most 80 columns; longer series continue below, after an empty line.
    static func render(_ samples: [(value: Double, label: String)]) -> String {
        guard let first = samples.first else { return "" }
        var low = first.value
        var high = first.value
        for sample in samples {
            low = min(low, sample.value)
            high = max(high, sample.value)
        }
        let span = high > low ? high - low : 1
        let steps = thirds.count * rows
        let bars = samples.map { sample in
            (height: min(Int((sample.value - low) * Double(steps) / span), steps - 1), label: Array(sample.label.utf8))
        }
        var text: [UInt8] = []
        for start in stride(from: 0, to: bars.count, by: columns) {
            if start > 0 { text.append(0x0a) }
            append(bars[start..<min(start + columns, bars.count)], to: &text)
        }
        return String(decoding: text, as: UTF8.self)
    }

    private static func append(_ bars: ArraySlice<(height: Int, label: [UInt8])>, to text: inout [UInt8]) {
        for row in 0..<rows {
            let bottom = (rows - 1 - row) * thirds.count
            for bar in bars {
                let third = bar.height - bottom
                text.append(third < 0 ? 0x20 : third < thirds.count ? thirds[third] : 0x7c)
            }
            text.append(0x0a)
        }
        // An empty row keeps the labels off the bars.
        text += [UInt8](repeating: 0x20, count: bars.count) + [0x0a]
        let longest = bars.reduce(0) { max($0, $1.label.count) }
        for line in 0..<longest {
            for bar in bars { text.append(line < bar.label.count ? bar.label[line] : 0x20) }
            text.append(0x0a)
        }
    }
}
