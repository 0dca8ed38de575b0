// swift-tools-version: 6.1
// Firn: a Redis-compatible server for data larger than RAM. The targets stand here in the order of
// their layers (see ARCHITECTURE.md); a target imports only from layers above its own in this file.
import Foundation
import PackageDescription

/// `FIRN_SANITIZE=thread` leaves out what the thread sanitizer can't see into (Debian's RocksDB, jemalloc) and the
/// executables; layers 0 to 6 run over the Memory and Faulty providers.
let sanitizing = ProcessInfo.processInfo.environment["FIRN_SANITIZE"] != nil

let optimised: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    // Exclusivity of class members is checked at run time in debug and sanitizer builds; a release saves 3 % by
    // leaving it out.
    .unsafeFlags(["-cross-module-optimization", "-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]
/// Defined where the engine is part of the build.
let rocksDB: [SwiftSetting] = sanitizing ? [] : [.define("FIRN_ROCKSDB")]
let jemalloc: [CSetting] = sanitizing ? [] : [.define("FIRN_JEMALLOC")]

func library(
    _ name: String, _ dependencies: [Target.Dependency] = [], path: String? = nil, defines: [SwiftSetting] = []
) -> Target {
    .target(
        name: name, dependencies: dependencies, path: path ?? "Sources/\(name)", swiftSettings: optimised + defines)
}
func tests(_ name: String, _ dependencies: [Target.Dependency], exclude: [String] = []) -> Target {
    .testTarget(
        name: "\(name)Tests", dependencies: dependencies, path: "Tests/\(name)Tests", exclude: exclude,
        swiftSettings: optimised)
}

var targets: [Target] = [
    // 0
    .target(
        name: "CShims", path: "Sources/CShims", cSettings: jemalloc,
        linkerSettings: sanitizing ? [] : [.linkedLibrary("jemalloc")]),
    .target(name: "CLZF", path: "Sources/CLZF", linkerSettings: [.linkedLibrary("lzf")]),
    .target(name: "CLZ4", path: "Sources/CLZ4", linkerSettings: [.linkedLibrary("lz4")]),
    // 1
    library("Bytes", ["CShims"]),
    library("Platform", ["CShims", "Bytes"]),
    // 2
    library("RESP", ["CShims", "Bytes"]),
    library("Values", ["CShims", "CLZ4", "Bytes", "Platform"]),
    library("Storage", ["Bytes"], path: "storage/API"),
    library("Telemetry", ["Bytes", "Platform"]),
    library("Configuration", ["Bytes"]),
    // 3
    library(
        "Keyspace", ["CShims", "Bytes", "Platform", "Values"], defines: sanitizing ? [.define("FIRN_SANITIZE")] : []),
    library("RDB", ["CLZF", "Bytes", "Values"]),
    library("Frontend", ["CShims", "Bytes", "Platform", "RESP"]),
    library("PubSub", ["Bytes", "Platform"]),
    library("StorageMemory", ["Bytes", "Platform", "Storage"], path: "storage/Memory"),
    library("StorageFaulty", ["Bytes", "Platform", "Storage"], path: "storage/Faulty"),
    // 4
    library("Commands", ["Bytes", "RESP", "Values", "Keyspace", "RDB"]),
    library("Tiering", ["Bytes", "Platform", "Values", "Storage", "Telemetry", "Keyspace"]),
    library("Persistence", ["Bytes", "Platform", "Keyspace"]),
    // 7: the load generator of tools/bench; of the server's code it uses only layers 0 and 1
    .target(name: "LoadgenShims", path: "Sources/LoadgenShims"),
    .executableTarget(
        name: "loadgen",
        dependencies: [
            "CShims", "LoadgenShims", "Bytes", "Platform",
            .product(name: "ArgumentParser", package: "swift-argument-parser"),
        ],
        path: "Sources/loadgen", swiftSettings: optimised),
    tests("loadgen", ["loadgen", "Bytes"]),
    // tests of the layers above
    .target(
        name: "Histories", dependencies: ["Bytes", "RESP", "StorageFaulty", "Values"],
        path: "Tests/Histories", swiftSettings: optimised),
    tests("Bytes", ["Bytes", "CShims"]),
    tests("Platform", ["Platform", "CShims"]),
    tests("RDB", ["RDB", "Bytes", "Values"]),
    tests("Telemetry", ["Telemetry", "Bytes", "Platform"]),
    tests(
        "Commands", ["Commands", "Keyspace", "Values", "RESP", "Bytes"],
        exclude: [
            "Transcripts", "compare_with_redis.py", "compare_random.py", "random_commands", "fuzz_restore.py",
        ]),
    .executableTarget(
        name: "frontend-bench", dependencies: ["Frontend", "RESP", "Platform", "Bytes"], path: "Tests/FrontendBench",
        swiftSettings: optimised),
    tests("RESP", ["RESP", "Bytes"]),
    tests("Values", ["Values", "Bytes", "CShims"]),
    .executableTarget(
        name: "keyspace-bench", dependencies: ["Keyspace", "Values", "Platform", "Bytes", "CShims"],
        path: "Tests/KeyspaceBench", swiftSettings: optimised),
    tests("Keyspace", ["Keyspace", "Values", "Platform", "Bytes", "CShims"]),
    tests(
        "Tiering",
        [
            "Tiering", "Commands", "RESP", "Keyspace", "Values", "Storage", "StorageMemory", "StorageFaulty",
            "Histories", "Telemetry", "Platform", "Bytes", "CShims",
        ]),
    tests("Persistence", ["Persistence", "Keyspace", "Platform", "Bytes"]),
    tests("PubSub", ["PubSub", "Histories", "Platform", "Bytes"]),
    tests("Frontend", ["Frontend", "RESP", "Platform", "Bytes", "CShims"]),
    .testTarget(
        name: "StorageTests",
        dependencies: ["Bytes", "CShims", "Platform", "Storage", "StorageMemory", "StorageFaulty"]
            + (sanitizing ? [] : ["StorageRocksDB"]),
        path: "Tests/StorageTests", swiftSettings: optimised + rocksDB),
    tests("Configuration", ["Configuration"]),
]

// In the order of their layers too, but for what a sanitizer's build leaves out.
if !sanitizing {
    targets += [
        .target(
            name: "RocksDBShim", path: "storage/RocksDBShim",
            cxxSettings: [.unsafeFlags(["-std=c++17", "-fno-rtti"])],
            linkerSettings: [.linkedLibrary("rocksdb"), .linkedLibrary("stdc++")]),
        library("StorageRocksDB", ["RocksDBShim", "Bytes", "Storage"], path: "storage/RocksDB"),
        // 7
        .executableTarget(
            name: "firn-server", dependencies: ["Configuration", "Server"],
            path: "Sources/firn-server", swiftSettings: optimised),
        .executableTarget(
            name: "inspect",
            dependencies: [
                "Bytes", "Platform", "Values", "Storage", "Keyspace", "RDB", "Persistence", "StorageRocksDB",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            path: "Sources/inspect", swiftSettings: optimised),
        tests(
            "inspect",
            [
                "inspect", "Bytes", "Values", "Storage", "StorageMemory", "StorageRocksDB", "Keyspace", "Persistence",
            ]),
        .executableTarget(
            name: "firn-faulty-server",
            dependencies: ["Platform", "Configuration", "Storage", "StorageFaulty", "Server"],
            path: "Tests/FaultyServer", swiftSettings: optimised),
        tests("Tidy", []),
    ]
}
targets += [
    // 6
    library(
        "Server",
        [
            "CShims", "Bytes", "Platform", "RESP", "Values", "Storage", "Telemetry", "Configuration", "Keyspace",
            "RDB", "Frontend", "PubSub", "Commands", "Tiering", "Persistence",
        ] + (sanitizing ? [] : ["StorageRocksDB"]), defines: rocksDB),
    tests(
        "Server",
        [
            "Server", "Commands", "Frontend", "Tiering", "Keyspace", "Storage", "StorageMemory", "StorageFaulty",
            "Histories", "Configuration", "Telemetry", "Platform", "Bytes", "Values",
        ]),
]

let package = Package(
    name: "firn",
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    ],
    targets: targets,
    cxxLanguageStandard: .cxx17
)
