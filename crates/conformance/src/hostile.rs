//! Names that were chosen to cause trouble.

use bytes::Bytes;
use mcpg_cluster::LARGEST_NAME_BYTES;

/// Names that a backend might mix up, escape from or refuse; all different.
pub(crate) fn names() -> Vec<Bytes> {
    let mut names: Vec<Bytes> = [
        "", " ", "  ", "a", "A", "a/b", "a/", "/a", "a.b", "a..b", ".", "..", "../a", "*", "a*", ">", "a.>",
        ":", "a:b", "a b", "a%2Fb", "%", "{a}", "[a]", "a?", "\\", "\\x00", "\"", "'", "\n", "\r\n", "a\tb",
        "é", "e\u{301}", "\u{202e}", "-", "_", "=", "YQ==", "61", "a|b",
    ]
    .into_iter()
    .map(Bytes::from)
    .collect();
    names.extend([
        Bytes::from_static(&[0]),
        Bytes::from_static(&[0, 0]),
        Bytes::from_static(b"a\0"),
        Bytes::from_static(b"a\0b"),
        Bytes::from_static(&[0xff]),
        Bytes::from_static(&[0xff, 0xfe, 0x80]),
        Bytes::from_static(&[0xc3, 0x28]),
    ]);
    names.push(longest(b'x'));
    names.push(longest(b'y'));
    names
}

/// A name of the greatest length, made of NUL bytes but for its last one.
pub(crate) fn longest(last: u8) -> Bytes {
    let mut name = vec![0; LARGEST_NAME_BYTES];
    name[LARGEST_NAME_BYTES - 1] = last;
    name.into()
}
