/// The texts of commands on members that expire: Redis 7.4's on fields, KeyDB's EXPIREMEMBER.
extension ErrorText {
    public static let fieldsMissing: StaticString =
        "ERR Mandatory argument FIELDS is missing or not at the right position"
    public static let fieldsMismatch: StaticString = "ERR The `numfields` parameter must match the number of arguments"
    /// Of HTTL, HPERSIST ...
    public static let fieldsNotPositive: StaticString = "ERR Number of fields must be a positive integer"
    /// Of HEXPIRE ...
    public static let numFieldsNotPositive: StaticString = "ERR Parameter `numFields` should be greater than 0"
    public static let negativeExpire: StaticString = "ERR invalid expire time, must be >= 0"
    public static let unit: StaticString = "ERR Invalid unit arg"
    public static let tooManyArguments: StaticString = "ERR Invalid number of arguments"
    public static let invalidArguments: StaticString = "ERR Invalid arguments"
    public static let unsupportedType: StaticString = "ERR object type is unsupported"
}
