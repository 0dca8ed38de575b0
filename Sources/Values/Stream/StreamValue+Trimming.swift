/// Which entries of a stream are too many.
public enum StreamTrim: Sendable {
    /// All but so many of the last.
    case maximumLength(Int)
    /// Those below this ID.
    case minimumID(StreamID)
}

extension StreamValue {
    /// Removes entries at the front. `isApproximate`: whole pages only. `limit`: no page that would make more than so
    /// many; nil: no limit. Returns how many went. O(log n) a page, and O(page) for the last.
    public func trim(_ rule: StreamTrim, isApproximate: Bool, limit: Int?) -> Int {
        var gone = 0
        while let (id, list) = pages.first {
            let left = count - gone
            if case .maximumLength(let length) = rule, left <= length { break }
            let live = StreamPage.live(list.pointee)
            if let limit, gone + live > limit { break }
            let goesAsAWhole =
                switch rule {
                case .maximumLength(let length): left - live >= length
                case .minimumID(let minimum): isBelow(minimum, StreamPage(id, list.pointee))
                }
            if goesAsAWhole {
                removePage(id)
                gone += live
                continue
            }
            if !isApproximate { gone += trimPage(rule, StreamPage(id, list.pointee), list, left) }
            break
        }
        if gone > 0 { removed(gone) }
        return gone
    }

    /// Whether the page's last entry, dead or not, is below an ID.
    private func isBelow(_ minimum: StreamID, _ page: StreamPage) -> Bool {
        page.entry(before: page.list.end).map { $0.id < minimum } ?? true
    }

    /// Removes entries at the front of a page, which stays. Returns how many.
    private func trimPage(
        _ rule: StreamTrim, _ page: StreamPage, _ list: UnsafeMutablePointer<Listpack>, _ left: Int
    ) -> Int {
        var gone = 0
        change(list) { list in
            var at = page.firstEntry
            while let entry = page.entry(at: at) {
                let stays =
                    switch rule {
                    case .maximumLength(let length): left - gone <= length
                    case .minimumID(let minimum): entry.id >= minimum
                    }
                if stays { break }
                at = page.end(of: entry)
                guard !entry.isDead else { continue }
                // No offset changes: the flags take a byte, with the mark or without.
                StreamPage.kill(entry, in: &list)
                gone += 1
            }
            StreamPage.change(&list, live: page.live - gone, dead: page.dead + gone)
        }
        return gone
    }
}
