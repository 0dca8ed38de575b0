import RESP

// What shows a stream and changes nothing, and which call is which.

extension StreamModel {
    /// XPENDING key group, or XPENDING key group - + count [consumer].
    func pending(_ words: [String], _ seen: Reply, _ now: Int64) -> Bool {
        guard let group = groups[words[2]] else { return false }
        guard words.count > 3 else {
            guard let first = group.ordered.first, let last = group.ordered.last else {
                return seen == .array([.integer(0), .null, .null, .null])
            }
            let counts = Dictionary(grouping: group.pending.values, by: \.consumer).mapValues(\.count)
            let consumers = counts.sorted { $0.key < $1.key }.map {
                Reply.array([.text($0.key), .text("\($0.value)")])
            }
            return seen
                == .array([.integer(group.pending.count), .text(first.text), .text(last.text), .array(consumers)])
        }
        let ids = group.ordered.filter { words.count < 7 || group.pending[$0]?.consumer == words[6] }
        guard case .array(let rows) = seen, rows.count == min(ids.count, Int(words[5]) ?? 0) else { return false }
        return zip(ids, rows).allSatisfy { id, row in
            guard let delivery = group.pending[id], case .array(let parts) = row, parts.count == 4 else { return false }
            return parts[0] == .text(id.text) && parts[1] == .text(delivery.consumer)
                && (now == 0 || parts[2] == .integer(Int(max(now - delivery.time, 0))))
                && parts[3] == .integer(delivery.count)
        }
    }

    /// XRANGE and XREVRANGE key - + [COUNT n].
    func range(_ words: [String], _ seen: Reply) -> Bool {
        let all = words[0] == "XRANGE" ? items : items.reversed()
        let limit = words.count > 4 ? Int(words[5]) ?? 0 : .max
        return seen == .array(all.prefix(limit).map(\.reply))
    }

    /// XREAD [COUNT n] [BLOCK n] STREAMS key id.
    func read(_ words: [String], _ seen: Reply) -> Bool {
        let from = ID(words[words.count - 1]) ?? .zero
        let limit = words.firstIndex(of: "COUNT").flatMap { Int(words[$0 + 1]) } ?? .max
        let new = items.filter { $0.id > from }.prefix(limit).map(\.reply)
        return seen == (new.isEmpty ? .null : .array([.array([.text(words[words.count - 2]), .array(new)])]))
    }

    /// XINFO STREAM key FULL COUNT 0: all there is.
    func info(_ seen: Reply, _ now: Int64) -> Bool {
        let head: [String: Reply] = [
            "length": .integer(items.count), "last-generated-id": .text(last.text),
            "max-deleted-entry-id": .text(deleted.text), "entries-added": .integer(added),
            "recorded-first-entry-id": .text(first.text), "entries": .array(items.map(\.reply)),
        ]
        guard var fields = seen.fields, case .array(let shown)? = fields.removeValue(forKey: "groups") else {
            return false
        }
        // How many pages there are is no matter of the model's.
        fields["radix-tree-keys"] = nil
        fields["radix-tree-nodes"] = nil
        let known = groups.sorted { $0.key < $1.key }
        return fields == head && known.count == shown.count
            && zip(known, shown).allSatisfy { info($0.key, $0.value, $1, now) }
    }

    private func info(_ name: String, _ group: Group, _ seen: Reply, _ now: Int64) -> Bool {
        func number(_ value: Int?) -> Reply { value.map { .integer($0) } ?? .null }
        func time(_ value: Int64?) -> Reply { .integer(now == 0 ? 0 : Int(value ?? -1)) }
        let timed: Set<String> = ["seen-time", "active-time"]
        /// Deliveries with their times in place `at`, which a history without time doesn't know.
        func list(_ reply: Reply?, time at: Int) -> Reply? {
            guard now == 0, case .array(let rows)? = reply else { return reply }
            return .array(
                rows.map { row in
                    guard case .array(var parts) = row else { return row }
                    parts[at] = .integer(0)
                    return .array(parts)
                })
        }
        guard var fields = seen.fields, case .array(let consumers)? = fields.removeValue(forKey: "consumers") else {
            return false
        }
        fields["pending"] = list(fields["pending"], time: 2)
        let pending = group.ordered.compactMap { id in
            group.pending[id].map {
                Reply.array([.text(id.text), .text($0.consumer), time($0.time), .integer($0.count)])
            }
        }
        let expected: [String: Reply] = [
            "name": .text(name), "last-delivered-id": .text(group.last.text), "entries-read": number(group.read),
            "lag": number(lag(group)), "pel-count": .integer(group.pending.count), "pending": .array(pending),
        ]
        let known = group.consumers.sorted { $0.key < $1.key }
        guard fields == expected, known.count == consumers.count else { return false }
        return zip(known, consumers).allSatisfy { consumer, shown in
            guard var fields = shown.fields else { return false }
            if now == 0 { for name in timed { fields[name] = .integer(0) } }
            fields["pending"] = list(fields["pending"], time: 1)
            let own = group.ordered.compactMap { id -> Reply? in
                guard let delivery = group.pending[id], delivery.consumer == consumer.key else { return nil }
                return .array([.text(id.text), time(delivery.time), .integer(delivery.count)])
            }
            return fields == [
                "name": .text(consumer.key), "seen-time": time(consumer.value.seen),
                "active-time": time(consumer.value.active), "pel-count": .integer(own.count), "pending": .array(own),
            ]
        }
    }
}

extension Reply {
    /// Of an array of names and values in turn.
    fileprivate var fields: [String: Reply]? {
        guard case .array(let parts) = self, parts.count % 2 == 0 else { return nil }
        var fields: [String: Reply] = [:]
        for index in stride(from: 0, to: parts.count, by: 2) {
            guard let name = parts[index].texts?.first else { return nil }
            fields[name] = parts[index + 1]
        }
        return fields
    }
}

extension CollectionModel {
    /// What is said where the key, or the group, isn't there; nil: something that depends on neither.
    private func missing(_ words: [String]) -> Reply? {
        switch words[0] {
        case "XGROUP":
            if words[1] == "CREATE" {
                return stream == nil && !words.contains("MKSTREAM")
                    ? .error("\(ErrorText.groupWithoutKey)") : nil
            }
            guard let stream else { return .error("\(ErrorText.groupWithoutKey)") }
            if stream.groups[words[3]] != nil { return nil }
            return words[1] == "DESTROY"
                ? .integer(0) : .error("NOGROUP No such consumer group '\(words[3])' for key name '\(words[2])'")
        case "XREADGROUP":
            if stream?.groups[words[2]] != nil { return nil }
            let key = words[words.count - 2]
            return .error(
                "NOGROUP No such key '\(key)' or consumer group '\(words[2])' in XREADGROUP with GROUP option")
        case "XPENDING", "XCLAIM", "XAUTOCLAIM":
            return stream?.groups[words[2]] == nil
                ? .error("NOGROUP No such key '\(words[1])' or consumer group '\(words[2])'") : nil
        case "XDEL", "XTRIM", "XLEN", "XACK": return stream == nil ? .integer(0) : nil
        case "XRANGE", "XREVRANGE": return stream == nil ? .array([]) : nil
        case "XREAD": return stream == nil ? .null : nil
        case "XSETID":
            // The words are looked at first.
            if words.count > 3, let id = StreamModel.ID(words[2]), let gone = StreamModel.ID(words[6]), gone > id {
                return .error("\(ErrorText.setIDBelowDeleted)")
            }
            return stream == nil ? .error("\(ErrorText.noSuchKey)") : nil
        case "XINFO": return stream == nil ? .error("\(ErrorText.noSuchKey)") : nil
        default: return nil
        }
    }

    mutating func takeStream(_ words: [String], _ seen: Reply, _ now: Int64) -> Bool? {
        guard words[0].hasPrefix("X") else { return nil }
        // Who waits learns that what it waits for is gone.
        if words.contains("BLOCK"), seen == .error("\(ErrorText.readStreamGone)") { return stream == nil }
        if words.contains("BLOCK"), seen == .error("\(ErrorText.readGroupGone)") {
            return stream.map { $0.groups[words[2]] == nil } ?? false
        }
        if let reply = missing(words) { return seen == reply }
        var model = stream ?? StreamModel()
        if words[0] == "XADD" {
            let (isRight, exists) = model.add(words, seen, now, exists: stream != nil)
            if exists { stream = model }
            return isRight
        }
        defer { stream = model }
        switch words[0] {
        case "XDEL": return model.delete(words, seen)
        case "XTRIM": return model.trim(words, seen)
        case "XSETID": return model.setID(words, seen)
        case "XACK": return model.acknowledge(words, seen)
        case "XCLAIM": return model.claim(words, seen, now)
        case "XAUTOCLAIM": return model.autoClaim(words, seen, now)
        case "XREADGROUP": return model.readGroup(words, seen, now)
        case "XGROUP":
            switch words[1] {
            case "CREATE": return model.setGroup(words, seen, isNew: true)
            case "SETID": return model.setGroup(words, seen, isNew: false)
            case "CREATECONSUMER": return model.createConsumer(words, seen, now)
            case "DELCONSUMER": return model.deleteConsumer(words, seen)
            default:
                model.groups[words[3]] = nil
                return seen == .integer(1)
            }
        case "XLEN": return seen == .integer(model.items.count)
        case "XRANGE", "XREVRANGE": return model.range(words, seen)
        case "XREAD": return model.read(words, seen)
        case "XPENDING": return model.pending(words, seen, now)
        case "XINFO": return model.info(seen, now)
        default: return nil
        }
    }
}
