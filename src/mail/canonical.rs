//! The relaxed canonical forms of RFC 6376 3.4, over which DKIM signs.

/// One header field in canonical form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    /// Lower case.
    pub name: String,
    /// `name:value`, unfolded, runs of blanks one blank, without a line end.
    pub line: Vec<u8>,
}

/// The fields of a header, in order.
pub fn fields(head: &[u8]) -> Vec<Field> {
    let mut starts = Vec::new();
    let mut at = 0;
    while at < head.len() {
        let end = head[at..].iter().position(|octet| *octet == b'\n').map_or(head.len(), |n| at + n + 1);
        if !matches!(head[at], b' ' | b'\t') {
            starts.push(at);
        }
        at = end;
    }
    starts.push(head.len());
    starts.windows(2).map(|pair| field(&head[pair[0]..pair[1]])).collect()
}

/// RFC 6376 3.4.2.
pub fn field(raw: &[u8]) -> Field {
    let colon = raw.iter().position(|octet| *octet == b':').unwrap_or(raw.len());
    let name = String::from_utf8_lossy(&raw[..colon]).trim().to_ascii_lowercase();
    let mut line = name.clone().into_bytes();
    line.push(b':');
    let start = line.len();
    let mut blank = false;
    for octet in raw.get(colon + 1..).unwrap_or_default() {
        if matches!(octet, b' ' | b'\t' | b'\r' | b'\n') {
            blank = true;
        } else {
            if blank && line.len() > start {
                line.push(b' ');
            }
            blank = false;
            line.push(*octet);
        }
    }
    Field { name, line }
}

/// RFC 6376 3.4.4, for a body whose lines end in CRLF: runs of blanks become one, blanks at line
/// ends and empty lines at the end go. What needs no change, which is nearly all of a letter, is
/// handed on in long pieces.
pub fn body(body: &[u8], hand_on: &mut dyn FnMut(&[u8])) {
    let kept = body.iter().rposition(|octet| !matches!(octet, b' ' | b'\t' | b'\r' | b'\n'));
    let Some(kept) = kept else { return };
    let end = memchr::memchr(b'\n', &body[kept..]).map_or(kept + 1, |at| kept + at + 1);
    let mut rest = &body[..end];
    while !rest.is_empty() {
        let end = rest.get(BLOCK..).and_then(|far| memchr::memchr(b'\n', far)).map(|at| BLOCK + at + 1);
        let (block, further) = rest.split_at(end.unwrap_or(rest.len()));
        if is_canonical(block) {
            hand_on(block);
        } else {
            block.split_inclusive(|octet| *octet == b'\n').for_each(|line| hand_on(&squeezed(line)));
        }
        rest = further;
    }
    if !body[..end].ends_with(b"\n") {
        hand_on(b"\r\n");
    }
}

/// How much is looked at before it is handed on, in octets.
const BLOCK: usize = 1024;

/// No tab, no two blanks in a row, none at a line end. One pass without a branch per octet, which
/// compilers turn into wide instructions.
#[expect(clippy::needless_bitwise_bool, reason = "a lazy operator would be a branch for each octet")]
fn is_canonical(block: &[u8]) -> bool {
    let pairs = block.iter().zip(block.get(1..).unwrap_or_default());
    !pairs.fold(false, |found, (octet, next)| {
        found | (*octet == b'\t') | ((*octet == b' ') & ((*next == b' ') | (*next == b'\r')))
    })
}

/// One line with its CRLF, or the last one without.
fn squeezed(line: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(line.len());
    let mut blank = false;
    for octet in line {
        if matches!(octet, b' ' | b'\t') {
            blank = true;
            continue;
        }
        if blank && *octet != b'\r' {
            out.push(b' ');
        }
        blank = false;
        out.push(*octet);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{body, fields};

    fn canonical(text: &[u8]) -> String {
        let mut out = Vec::new();
        body(text, &mut |octets| out.extend_from_slice(octets));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_example_of_rfc_6376_3_4_5() {
        let head = b"A: X\r\nB : Y\t\r\n\tZ  \r\n";
        let lines: Vec<_> = fields(head).into_iter().map(|f| String::from_utf8(f.line).unwrap()).collect();
        assert_eq!(lines, ["a:X", "b:Y Z"]);
        assert_eq!(canonical(b" C \r\nD \t E\r\n\r\n\r\n"), " C\r\nD E\r\n");
    }

    #[test]
    fn only_the_empty_lines_at_the_end_go() {
        assert_eq!(canonical(b"\r\na\r\n\r\n\r\nb\r\n \r\n"), "\r\na\r\n\r\n\r\nb\r\n");
        assert_eq!(canonical(b"\r\n\r\n"), "");
        assert_eq!(canonical(b""), "");
        assert_eq!(canonical(b"a"), "a\r\n");
        assert_eq!(canonical(b"a\r\nb  c\r\nd\r\n"), "a\r\nb c\r\nd\r\n");
        assert_eq!(canonical(b"a \r\n\tb\t \r\n c\t"), "a\r\n b\r\n c\r\n");
    }

    #[test]
    fn a_long_body_changes_only_where_it_must() {
        let plain = "Une ligne comme une autre, sans rien de particulier.\r\n".repeat(100);
        let odd = "deux  blancs \r\n \r\n";
        let canon = "deux blancs\r\n\r\n";
        let long = [plain.as_str(), odd, &plain, odd, "\r\n", &plain, odd].concat();
        let wanted = [plain.as_str(), canon, &plain, canon, "\r\n", &plain, "deux blancs\r\n"].concat();
        assert_eq!(canonical(long.as_bytes()), wanted);
    }
}
