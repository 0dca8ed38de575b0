extension DirectiveTable {
    /// The table as a page of Markdown (configs/DIRECTIVES.md): generated, never edited.
    public static var documentation: String {
        let groups: [(String, [Directive])] = [
            ("Network", network), ("Clients", clients), ("Memory", memory), ("Small collections", encodings),
            ("Snapshots", snapshots), ("Journal", journal), ("Replication", replication), ("Cluster", cluster),
            ("Security", security), ("TLS", tls), ("The process", system), ("Threads and KeyDB", keyDB),
            ("Flash tier", flash),
        ]
        var page = """
            # Directives

            Generated from the table in Sources/Configuration/Table (FIRN_REWRITE=1 rewrites it). *Set* says
            whether CONFIG SET can change a directive: yes, no (fixed at start), or protected (as
            enable-protected-configs allows).

            """
        for (title, rows) in groups {
            page += "\n## \(title)\n\n"
            page += "| directive | value | default | set | meaning |\n|---|---|---|---|---|\n"
            for row in rows where !row.flags.contains(.hidden) { page += row.documentation }
        }
        page += "\nAlso read: include, rename-command. "
        page += "Refused: loadmodule, sentinel, and users other than an unlimited "
        page += "default user. Read and forgotten: " + forgotten.sorted().joined(separator: ", ") + ".\n"
        return page
    }
}

extension Directive {
    fileprivate var documentation: String {
        let others = aliases.map { " (`\($0)`)" }.joined()
        let settable = flags.contains(.immutable) ? "no" : flags.contains(.protected) ? "protected" : "yes"
        let notes = [summary, effectText].filter { !$0.isEmpty }.joined(separator: "; ")
        let meaning = notes.replacing("|", with: "or")
        return "| `\(name)`\(others) | \(kindText) | `\(standard)` | \(settable) | \(meaning) |\n"
    }

    private var effectText: String {
        switch effect {
        case .works: ""
        case .nothing(let reason): "*accepted without effect:* \(reason)"
        case .missing: "*any other value than the default is refused: not in this version*"
        }
    }

    private var kindText: String {
        switch kind {
        case .flag: "yes, no"
        case .integer(let range): "\(range.lowerBound) to \(range.upperBound)"
        case .octal: "octal"
        case .memory: "bytes"
        case .memoryOrPercent: "bytes or %"
        case .choice(let choices): choices.map(\.word).joined(separator: ", ")
        case .text, .secret, .directory: "text"
        case .words, .percentiles, .oomScores, .savePoints, .outputBufferLimits: "list"
        case .replicaOf: "host port"
        case .keyspaceEvents: "letters"
        case .storageProvider: "none, flash and a directory"
        case .flashPolicies: "prefix:PATTERN and hot, cold or default"
        }
    }
}
