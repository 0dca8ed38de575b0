import Bytes

/// The texts of commands on sorted sets.
extension ErrorText {
    public static let addExistence: StaticString = "ERR XX and NX options at the same time are not compatible"
    public static let addComparison: StaticString =
        "ERR GT, LT, and/or NX options at the same time are not compatible"
    public static let addIncrement: StaticString = "ERR INCR option supports a single increment-element pair"
    public static let limitOfRanks: StaticString =
        "ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX"
    public static let scoresByLex: StaticString =
        "ERR syntax error, WITHSCORES not supported in combination with BYLEX"
    public static let popCount: StaticString = "ERR count should be greater than 0"
    public static let weightNotFloat: StaticString = "ERR weight value is not a float"

    /// `command` in lower case.
    public static func inputKeyNeeded(_ command: StaticString) -> String {
        "ERR at least 1 input key is needed for '\(command)' command"
    }
}
