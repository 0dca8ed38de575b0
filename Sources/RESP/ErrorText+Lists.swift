/// The texts of commands on lists.
extension ErrorText {
    public static let rankZero: StaticString = """
        ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start \
        from the end of the list
        """
    public static let matchCountNegative: StaticString = "ERR COUNT can't be negative"
    public static let maxLengthNegative: StaticString = "ERR MAXLEN can't be negative"
    public static let sortWeights: StaticString = "ERR One or more scores can't be converted into double"
    public static let popCountNotPositive: StaticString = "ERR count should be greater than 0"
}
