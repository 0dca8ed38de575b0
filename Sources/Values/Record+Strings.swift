import Bytes
import CShims

/// Changing a string in place: APPEND, SETRANGE, SETBIT, BITFIELD.
extension Record {
    /// Makes the value a raw string of `length` bytes that may be written, keeping what it holds (an integer is
    /// written out) and zeroing what is new. `self` must not be used afterwards: the record may have moved.
    ///
    /// In place while the allocator's size class, or the block's capacity, has room; else the bytes move once, into a
    /// block with room for as much again (at most 1 MiB more) where it is large. Amortised O(change).
    public func writableString(length: Int) -> (record: Record, bytes: UnsafeMutablePointer<UInt8>) {
        if isExternal { return writableBlock(length: length) }
        if encoding != .int, length < Self.externalThreshold,
            firn_allocation_size(Self.requestedBytes(key: keyLength, expiry: hasExpiry, inline: length))
                == firn_allocation_size(requestedBytes)
        {
            encoding = .raw
            if length > storedLength { memset(valueAddress + storedLength, 0, length - storedLength) }
            storedLength = length
            return (self, valueAddress.assumingMemoryBound(to: UInt8.self))
        }
        return moved(length: length)
    }

    /// The bytes of a string that can be changed where they are, which makes it raw; nil if it is an integer or others
    /// hold its block too. O(1).
    public var changeableBytes: UnsafeMutablePointer<UInt8>? {
        if encoding == .int { return nil }
        guard isExternal else {
            encoding = .raw
            return valueAddress.assumingMemoryBound(to: UInt8.self)
        }
        // The record's own reference moves into `block` and back, so uniqueness can be asked.
        var block = externalReference.takeRetainedValue()
        let isMine = isKnownUniquelyReferenced(&block)
        let bytes = block.withUnsafeMutableBytes { $0 }
        valueAddress.storeBytes(of: Unmanaged.passRetained(block).toOpaque(), as: UnsafeMutableRawPointer.self)
        return isMine ? bytes : nil
    }

    private func moved(length: Int) -> (record: Record, bytes: UnsafeMutablePointer<UInt8>) {
        let result: Record
        let bytes: UnsafeMutablePointer<UInt8>
        if length >= Self.externalThreshold {
            // A value that begins as large as this may never grow.
            let isNew = stringLength == 0
            let block = SharedBytes(
                uninitializedCount: length, capacity: isNew ? length : Self.roomyCapacity(length))
            result = Self.block(key: key, block, expiry: expiry)
            bytes = block.withUnsafeMutableBytes { $0 }
        } else {
            result = Self.allocate(
                key: key, type: .string, encoding: .raw, flags: flags, stored: length, inline: length)
            if let expiry { result.replaceExpiry(expiry) }
            bytes = result.valueAddress.assumingMemoryBound(to: UInt8.self)
        }
        withString { old in
            let kept = min(old.count, length)
            memcpy(bytes, old.base, kept)
            memset(bytes + kept, 0, length - kept)
        }
        result.residency = residency
        result.access = access
        free()
        return (result, bytes)
    }

    private func writableBlock(length: Int) -> (record: Record, bytes: UnsafeMutablePointer<UInt8>) {
        // The record's own reference moves into `block` and back, so uniqueness can be asked.
        var block = externalReference.takeRetainedValue()
        if isKnownUniquelyReferenced(&block), length <= block.capacity {
            block.resize(to: length)
        } else {
            let fresh = SharedBytes(uninitializedCount: length, capacity: Self.roomyCapacity(length))
            let kept = min(block.count, length)
            fresh.withUnsafeMutableBytes { bytes in
                memcpy(bytes, block.slice.base, kept)
                memset(bytes + kept, 0, length - kept)
            }
            block = fresh
        }
        let bytes = block.withUnsafeMutableBytes { $0 }
        valueAddress.storeBytes(of: Unmanaged.passRetained(block).toOpaque(), as: UnsafeMutableRawPointer.self)
        storedLength = length
        return (self, bytes)
    }

    private static func roomyCapacity(_ length: Int) -> Int { length + min(length, 1 << 20) }

    /// The record with the given expiry (nil: none), moved if its layout changes. `self` must not be used afterwards.
    public func settingExpiry(_ newExpiry: Int64?) -> Record {
        if let newExpiry, hasExpiry {
            replaceExpiry(newExpiry)
            return self
        }
        if newExpiry == nil, !hasExpiry { return self }
        let result: Record
        if isPacked {
            result = Self.packed(key: key, block, expiry: newExpiry)
            result.access = access
        } else {
            result = copy(key: key, expiry: newExpiry, isMove: true)
        }
        result.residency = residency
        freeMoved()
        return result
    }
}

extension Record {
    /// The string with `bytes` put at `offset`, which makes it raw: lengthened if need be, a gap filled with zeros.
    ///
    /// Moved or in place as `writableString` decides; `self` must not be used afterwards. Amortised O(change).
    /// `bytes` must not lie in the record.
    public func writing(_ bytes: ByteSlice, at offset: Int) -> Record {
        let (record, target) = writableString(length: max(stringLength, offset + bytes.count))
        memcpy(target + offset, bytes.base, bytes.count)
        return record
    }
}
