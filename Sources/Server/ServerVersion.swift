import CShims

/// What the server says it is.
public enum ServerVersion {
    /// Firn's own version.
    public static let firn = "0.1.0"
    /// The version of Redis whose behaviour clients can expect; they choose their commands by it.
    public static let redis = "7.2.0"
    public static var allocator: String { String(cString: firn_allocator_name()) }
}
