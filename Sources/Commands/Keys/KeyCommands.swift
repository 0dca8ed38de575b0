/// Commands on keys whatever they hold.
///
///     KeyCommands+Existence   DEL, UNLINK, EXISTS, KEYDB.MEXISTS, TOUCH, TYPE
///     KeyCommands+Expiry      EXPIRE and its kin, TTL and its kin, PERSIST
///     KeyCommands+Transfer    RENAME, RENAMENX, COPY, MOVE
///     KeyCommands+Walks       SCAN, KEYS, RANDOMKEY, DBSIZE
///     KeyCommands+Object      OBJECT
///     KeyCommands+Payload     DUMP, RESTORE, RESTORE-ASKING
public enum KeyCommands {
    public static let rows: [CommandRow] =
        existenceRows + expiryRows + transferRows + walkRows + objectRows + payloadRows
}
