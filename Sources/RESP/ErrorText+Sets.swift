/// The texts of commands on sets.
extension ErrorText {
    public static let intersectionLimitNegative: StaticString = "ERR LIMIT can't be negative"
}
