/// The directives that take several arguments.
extension Directive {
    /// The arguments, with a single empty one meaning none.
    private func list(_ words: [[UInt8]]) -> [[UInt8]] { words == [[]] ? [] : words }

    func plainWords(_ words: [[UInt8]], atMost most: Int) throws(Refusal) -> Value {
        let words = list(words)
        guard words.count <= most else {
            throw Refusal(name == "bind" ? "Too many bind addresses specified." : "wrong number of arguments")
        }
        try requireText(words)
        return .words(words)
    }

    /// Words that have no structure of their own must at least survive being joined by blanks and split again.
    private func requireText(_ words: [[UInt8]]) throws(Refusal) {
        for word in words {
            guard !word.isEmpty, !word.contains(where: { $0 <= 0x20 }), String(validating: word, as: UTF8.self) != nil
            else { throw Refusal("arguments must be words of UTF-8 text") }
        }
    }

    func savePoints(_ words: [[UInt8]]) throws(Refusal) -> Value {
        let words = list(words)
        guard words.count % 2 == 0, words.count <= 512 else { throw Refusal("Invalid save parameters") }
        var points: [SavePoint] = []
        for i in stride(from: 0, to: words.count, by: 2) {
            guard let seconds = Number.looseInteger(words[i]), let changes = Number.looseInteger(words[i + 1]),
                seconds >= 1, changes >= 0
            else { throw Refusal("Invalid save parameters") }
            points.append(SavePoint(seconds: seconds, changes: changes))
        }
        return .savePoints(points)
    }

    func limits(_ words: [[UInt8]], over current: Value) throws(Refusal) -> Value {
        guard case .limits(var limits) = current else { preconditionFailure("\(name) holds \(current)") }
        guard words.count % 4 == 0 else { throw Refusal("Wrong number of arguments in buffer limit configuration.") }
        for i in stride(from: 0, to: words.count, by: 4) {
            let isReplica = LineSyntax.equals(words[i], "replica")
            guard let index = Self.clientClasses.firstIndex(where: { LineSyntax.equals(words[i], $0) })
                ?? (isReplica ? 1 : nil)
            else { throw Refusal("Invalid client class specified in buffer limit configuration.") }
            guard let hard = Number.memory(words[i + 1]), let soft = Number.memory(words[i + 2]),
                let seconds = Number.looseInteger(words[i + 3]), seconds >= 0
            else { throw Refusal("Error in hard, soft or soft_seconds setting in buffer limit configuration.") }
            limits[index] = OutputBufferLimit(hardBytes: hard, softBytes: soft, softSeconds: seconds)
        }
        return .limits(limits)
    }

    func oomScores(_ words: [[UInt8]]) throws(Refusal) -> Value {
        guard words.count == 3 else { throw Refusal("wrong number of arguments") }
        var scores: [Int64] = []
        for word in words {
            guard let score = Number.looseInteger(word), abs(score.clamped(to: -4000...4000)) <= 2000 else {
                throw Refusal("Invalid oom-score-adj-values, elements must be between -2000 and 2000.")
            }
            scores.append(score)
        }
        return .integers(scores)
    }

    func percentiles(_ words: [[UInt8]]) throws(Refusal) -> Value {
        let words = list(words)
        guard words.count <= 1024 else { throw Refusal("Invalid latency-tracking-info-percentiles parameters") }
        var shares: [Double] = []
        for word in words {
            guard let share = Number.fraction(word) else {
                throw Refusal("Invalid latency-tracking-info-percentiles parameters")
            }
            guard share >= 0, share <= 100 else {
                throw Refusal("latency-tracking-info-percentiles parameters should sit between [0.0,100.0]")
            }
            shares.append(share)
        }
        return .percentiles(shares)
    }

    func replicaOf(_ words: [[UInt8]]) throws(Refusal) -> Value {
        guard words.count == 2 else { throw Refusal("wrong number of arguments") }
        if LineSyntax.equals(words[0], "no"), LineSyntax.equals(words[1], "one") { return .words([]) }
        guard let port = Number.looseInteger(words[1]), port >= 0, port <= 65535 else {
            throw Refusal("Invalid master port")
        }
        try requireText([words[0]])
        return .words([words[0], Array("\(port)".utf8)])
    }

    /// Pairs of prefix:PATTERN and a word.
    func flashPolicies(_ words: [[UInt8]]) throws(Refusal) -> Value {
        let words = list(words)
        guard words.count % 2 == 0 else {
            throw Refusal("flash-policy takes prefix:PATTERN and one of hot, cold, default, as often as is wanted")
        }
        try requireText(words)
        var policies: [FlashPolicy] = []
        for i in stride(from: 0, to: words.count, by: 2) {
            let mark = Array("prefix:".utf8)
            guard words[i].starts(with: mark) else { throw Refusal("a rule of flash-policy begins with prefix:") }
            let pattern = Array(words[i].dropFirst(mark.count))
            guard !pattern.isEmpty else { throw Refusal("flash-policy needs a pattern behind prefix:") }
            guard pattern.count <= FlashPolicy.longestPattern else {
                throw Refusal("a pattern of flash-policy has at most \(FlashPolicy.longestPattern) bytes")
            }
            let word = FlashPolicy.Temperature.allCases.first { LineSyntax.equals(words[i + 1], $0.rawValue) }
            guard let word else { throw Refusal("what flash-policy says of a pattern must be hot, cold or default") }
            policies.append(FlashPolicy(pattern: pattern, temperature: word))
        }
        return .policies(try FlashPolicy.merged(policies))
    }

    /// `none`, or the kind of the tier and its directory.
    func storageProvider(_ words: [[UInt8]]) throws(Refusal) -> Value {
        let words = list(words)
        if words.isEmpty || (words.count == 1 && LineSyntax.equals(words[0], "none")) { return .words([]) }
        guard LineSyntax.equals(words[0], "flash") else {
            throw Refusal("argument(s) must be one of the following: none, flash")
        }
        guard words.count == 2, !words[1].isEmpty else { throw Refusal("storage-provider flash needs a directory") }
        guard !words[1].contains(0), String(validating: words[1], as: UTF8.self) != nil else {
            throw Refusal("argument must be UTF-8 text without NUL")
        }
        return .words([Array("flash".utf8), words[1]])
    }
}

extension Int64 {
    fileprivate func clamped(to range: ClosedRange<Int64>) -> Int64 {
        Swift.min(Swift.max(self, range.lowerBound), range.upperBound)
    }
}
