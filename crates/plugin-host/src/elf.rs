//! A look at a library's file before the system maps it.
//!
//! The system's loader maps a truncated file without a word and the process dies of a bus error at the first access
//! beyond its end, so the ends that the headers promise are compared with the length.

/// Says what is wrong with a file that is to be a library. Formats other than 64 bit little endian ELF pass.
pub(crate) fn complaint(bytes: &[u8]) -> Option<&'static str> {
    if bytes.is_empty() {
        return Some("the file is empty");
    }
    if !bytes.starts_with(b"\x7fELF") {
        return cfg!(target_os = "linux").then_some("it does not begin like a library");
    }
    if bytes.get(4..6) != Some(&[2, 1]) {
        return None;
    }
    match is_whole(bytes) {
        Some(true) => None,
        _ => Some("the file is truncated"),
    }
}

/// Whether section table and loaded segments lie within the file; `None` when the headers themselves do not.
fn is_whole(bytes: &[u8]) -> Option<bool> {
    let length = bytes.len() as u64;
    let sections_end =
        number::<8>(bytes, 0x28)?.checked_add(number::<2>(bytes, 0x3a)? * number::<2>(bytes, 0x3c)?)?;
    let mut whole = sections_end <= length;
    let (table, size, count) = (
        number::<8>(bytes, 0x20)?,
        number::<2>(bytes, 0x36)?,
        number::<2>(bytes, 0x38)?,
    );
    for index in 0..count {
        let at = usize::try_from(table.checked_add(index * size)?).ok()?;
        let end =
            number::<8>(bytes, at.checked_add(8)?)?.checked_add(number::<8>(bytes, at.checked_add(32)?)?)?;
        whole &= end <= length;
    }
    Some(whole)
}

/// The little endian number of `WIDTH` bytes at a place.
fn number<const WIDTH: usize>(bytes: &[u8], at: usize) -> Option<u64> {
    let mut number = [0; 8];
    number[..WIDTH].copy_from_slice(bytes.get(at..at.checked_add(WIDTH)?)?);
    Some(u64::from_le_bytes(number))
}
