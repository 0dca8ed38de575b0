import RESP

/// The commands on lists.
///
/// A row names the function that it stands for: reads in ListReads, those that wait in ListBlocking with their rows,
/// the others in ListWrites.
public enum ListCommands {
    public static let rows: [CommandRow] = reading + pushing + removing + moving + blocking

    private static let reading: [CommandRow] = [
        CommandRow(
            "llen", arity: 2, [.readOnly, .fast], [.read, .list, .fast], group: .list,
            keys: [.one(.readOnly)], plan: .specified(.presence),
            since: "1.0.0", summary: "Returns the number of elements of a list.",
            complexity: "O(1)",
            documentation: ListSyntax.llen, llen),
        CommandRow(
            "lindex", arity: 3, [.readOnly], [.read, .list, .slow], group: .list,
            keys: [.one([.readOnly, .access])], plan: .specified(.position),
            since: "1.0.0", summary: "Returns the element at an index, counted from either end.",
            complexity: "O(log N) for a list of N elements",
            documentation: ListSyntax.lindex, lindex),
        CommandRow(
            "lrange", arity: 4, [.readOnly], [.read, .list, .slow], group: .list,
            keys: [.one([.readOnly, .access])], plan: .specified(.positions),
            since: "1.0.0", summary: "Returns the elements from one index to another.",
            complexity: "O(log N + M) for M elements returned",
            documentation: ListSyntax.lrange, lrange),
        CommandRow(
            "lpos", arity: -3, [.readOnly], [.read, .list, .slow], group: .list,
            keys: [.one([.readOnly, .access])],
            since: "6.0.6", summary: "Returns the indices of elements that have a given value.",
            complexity: "O(N) for N elements looked at",
            documentation: ListSyntax.lpos, lpos),
    ]

    private static let pushing: [CommandRow] = [
        CommandRow(
            "lpush", arity: -3, [.write, .denyOOM, .fast], [.write, .list, .fast], group: .list,
            keys: [.one([.readWrite, .insert])], plan: .specified(.push(.left)),
            since: "1.0.0", summary: "Puts elements before the first, one by one; makes the list if there is none.",
            complexity: "O(1) for each element",
            documentation: ListSyntax.lpush
        ) { push(&$0, .left, onlyIfThere: false) },
        CommandRow(
            "rpush", arity: -3, [.write, .denyOOM, .fast], [.write, .list, .fast], group: .list,
            keys: [.one([.readWrite, .insert])], plan: .specified(.push(.right)),
            since: "1.0.0", summary: "Puts elements behind the last; makes the list if there is none.",
            complexity: "O(1) for each element",
            documentation: ListSyntax.rpush
        ) { push(&$0, .right, onlyIfThere: false) },
        CommandRow(
            "lpushx", arity: -3, [.write, .denyOOM, .fast], [.write, .list, .fast], group: .list,
            keys: [.one([.readWrite, .insert])], plan: .specified(.push(.left)),
            since: "2.2.0", summary: "Puts elements before the first of a list that exists.",
            complexity: "O(1) for each element",
            documentation: ListSyntax.lpushx
        ) { push(&$0, .left, onlyIfThere: true) },
        CommandRow(
            "rpushx", arity: -3, [.write, .denyOOM, .fast], [.write, .list, .fast], group: .list,
            keys: [.one([.readWrite, .insert])], plan: .specified(.push(.right)),
            since: "2.2.0", summary: "Puts elements behind the last of a list that exists.",
            complexity: "O(1) for each element",
            documentation: ListSyntax.rpushx
        ) { push(&$0, .right, onlyIfThere: true) },
        CommandRow(
            "linsert", arity: 5, [.write, .denyOOM], [.write, .list, .slow], group: .list,
            keys: [.one([.readWrite, .insert])],
            since: "2.2.0", summary: "Puts an element before or behind the first that has a given value.",
            complexity: "O(N) for N elements up to that one",
            documentation: ListSyntax.linsert, linsert),
        CommandRow(
            "lset", arity: 4, [.write, .denyOOM], [.write, .list, .slow], group: .list,
            keys: [.one([.readWrite, .update])], plan: .specified(.position),
            since: "1.0.0", summary: "Gives the element at an index another value.",
            complexity: "O(log N) for a list of N elements",
            documentation: ListSyntax.lset, lset),
    ]

    private static let removing: [CommandRow] = [
        CommandRow(
            "lpop", arity: -2, [.write, .fast], [.write, .list, .fast], group: .list,
            keys: [.one([.readWrite, .access, .delete])],
            plan: .deciding { .ends(first: popped($0), last: 0) },
            since: "1.0.0", summary: "Removes and returns the first element, or several.",
            complexity: "O(N) for N elements returned",
            documentation: ListSyntax.lpop
        ) { pop(&$0, .left, "lpop") },
        CommandRow(
            "rpop", arity: -2, [.write, .fast], [.write, .list, .fast], group: .list,
            keys: [.one([.readWrite, .access, .delete])],
            plan: .deciding { .ends(first: 0, last: popped($0)) },
            since: "1.0.0", summary: "Removes and returns the last element, or several.",
            complexity: "O(N) for N elements returned",
            documentation: ListSyntax.rpop
        ) { pop(&$0, .right, "rpop") },
        CommandRow(
            "lrem", arity: 4, .write, [.write, .list, .slow], group: .list,
            keys: [.one([.readWrite, .delete])],
            since: "1.0.0", summary: "Removes elements that have a given value.",
            complexity: "O(N + M log N) for N elements looked at, M runs of them removed",
            documentation: ListSyntax.lrem, lrem),
        CommandRow(
            "ltrim", arity: 4, .write, [.write, .list, .slow], group: .list,
            keys: [.one([.readWrite, .delete])], plan: .specified(.cuts),
            since: "1.0.0", summary: "Removes all elements but those from one index to another.",
            complexity: "O(log N + M) for M elements removed",
            documentation: ListSyntax.ltrim, ltrim),
        CommandRow(
            "lmpop", arity: -4, [.write, .movableKeys], [.write, .list, .slow], group: .list,
            keys: [
                KeySpec([.readWrite, .access, .delete], .index(1), .count(index: 0, first: 1, step: 1))
            ],
            plan: .deciding { poppedFirst($0) },
            since: "7.0.0", summary: "Removes and returns elements of the first of several lists that has any.",
            complexity: "O(N + M) for N keys and M elements returned",
            documentation: ListSyntax.lmpop, lmpop),
    ]

    private static let moving: [CommandRow] = [
        CommandRow(
            "lmove", arity: 5, [.write, .denyOOM], [.write, .list, .slow], group: .list,
            keys: [.one([.readWrite, .access, .delete]), .one([.readWrite, .insert], at: 2)],
            plan: .specified(.ends(first: 1, last: 1)),
            since: "6.2.0", summary: "Moves an element from an end of one list to an end of another and returns it.",
            complexity: "O(1)",
            documentation: ListSyntax.lmove, lmove),
        CommandRow(
            "rpoplpush", arity: 3, [.write, .denyOOM], [.write, .list, .slow], group: .list,
            keys: [.one([.readWrite, .access, .delete]), .one([.readWrite, .insert], at: 2)],
            plan: .specified(.ends(first: 1, last: 1)),
            since: "1.2.0", summary: "Moves the last element of one list before the first of another and returns it.",
            complexity: "O(1)",
            documentation: ListSyntax.rpoplpush
        ) { move(&$0, .right, .left) },
    ]
}
