import Bytes
import Keyspace
import RESP
import Values

/// SORT and SORT_RO: the elements of a list, set or sorted set in an order that may come from other keys, and what
/// other keys hold of them.
///
///     SortRequest   the options
///     SortLines     the order
///     SortRun       a call: elements, weights, reply
public enum SortCommands {
    public static let rows: [CommandRow] = [
        CommandRow(
            "sort", arity: -2, [.write, .denyOOM, .movableKeys, .needsGate],
            [.write, .set, .sortedSet, .list, .slow, .dangerous], group: .generic,
            keys: [.one([.readOnly, .access]), patterns, destination],
            since: "1.0.0",
            summary: "Sorts the elements of a list, set or sorted set, and stores them if asked to.",
            complexity: "O(N+M*log(M)) for N elements of which M are returned",
            documentation: SortSyntax.sort
        ) { sort(&$0, takesStore: true) },
        CommandRow(
            "sort_ro", arity: -2, [.readOnly, .movableKeys, .needsGate],
            [.read, .set, .sortedSet, .list, .slow, .dangerous], group: .generic,
            keys: [.one([.readOnly, .access]), patterns],
            since: "7.0.0", summary: "Sorts the elements of a list, set or sorted set; can't store them.",
            complexity: "O(N+M*log(M)) for N elements of which M are returned",
            documentation: SortSyntax.sortReadOnly
        ) { sort(&$0, takesStore: false) },
    ]

    private static let patterns = KeySpec(
        [.readOnly, .access], .unknown, .unknown(nil),
        notes: """
            For the optional BY/GET keyword. It is marked 'unknown' because the key names derive from the content of \
            the key we sort
            """)
    private static let destination = KeySpec(
        [.overwrite, .update], .unknown, .unknown { SortRequest.appendDestination($0, to: &$1) },
        notes: """
            For the optional STORE keyword. It is marked 'unknown' because the keyword can appear anywhere in the \
            argument array
            """)

    private static func sort(_ call: inout CommandContext, takesStore: Bool) {
        guard let request = SortRequest(call, takesStore: takesStore) else { return }
        var run = SortRun(request, call)
        run.run(&call)
    }
}
