import CShims
import Glibc

/// What a read or a write came to: bytes moved, or the errno why none were. One word, no allocation.
public struct Transfer: Sendable {
    @usableFromInline let raw: Int

    @inlinable
    init(_ raw: Int) { self.raw = raw }

    /// Bytes moved; negative when none were because of an error or because the call would have waited.
    @inlinable
    public var bytes: Int { raw }

    /// Nothing was moved because it would have had to wait.
    @inlinable
    public var wouldBlock: Bool { raw == -Int(EAGAIN) }

    /// The error's number; 0 for success.
    @inlinable
    public var errorNumber: Int32 { raw < 0 ? Int32(truncatingIfNeeded: -raw) : 0 }
}

/// A system call's failure: what was tried, on what, and the errno.
public struct SystemError: Error, Sendable, CustomStringConvertible {
    public let operation: StaticString
    public let subject: String
    public let errorNumber: Int32

    public init(_ operation: StaticString, _ subject: String, _ errorNumber: Int32 = errno) {
        self.operation = operation
        self.subject = subject
        self.errorNumber = errorNumber
    }

    /// The system's words for the error.
    public var reason: String { String(cString: strerror(errorNumber)) }

    public var description: String { "\(operation) \(subject): \(reason)" }
}

/// Traps on the errors that only a bug can cause: a descriptor that is not open, memory that is not ours.
@inlinable
func trapOnBug(_ raw: Int, _ call: StaticString) {
    precondition(raw != -Int(EBADF) && raw != -Int(EFAULT), "\(call): errno \(-raw)")
}

extension SystemError {
    /// This machine hasn't got the address.
    public var isAddressMissing: Bool { errorNumber == EADDRNOTAVAIL }

    /// This machine doesn't speak the address' protocol.
    public var isFamilyUnsupported: Bool {
        [EAFNOSUPPORT, EPROTONOSUPPORT, EPFNOSUPPORT, ESOCKTNOSUPPORT, ENOPROTOOPT].contains(errorNumber)
    }
}
