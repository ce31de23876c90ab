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

/// RFC 6376 3.4.4: runs of blanks become one, blanks at line ends and empty lines at the end go.
/// The octets are handed on in long pieces, since a letter's images are most of its body.
pub fn body(body: &[u8], hand_on: &mut dyn FnMut(&[u8])) {
    let mut empty_lines = 0;
    // What is canonical as it stands and not handed on yet.
    let mut pending = 0..0;
    let mut at = 0;
    while at < body.len() {
        let end = body[at..].iter().position(|octet| *octet == b'\n').map_or(body.len(), |n| at + n + 1);
        let line = &body[at..end];
        let text = line.strip_suffix(b"\n").unwrap_or(line);
        let text = text.strip_suffix(b"\r").unwrap_or(text);
        let kept = text.len() - text.iter().rev().take_while(|octet| matches!(octet, b' ' | b'\t')).count();
        if kept == 0 {
            hand_on(&body[pending.clone()]);
            pending = end..end;
            empty_lines += 1;
            at = end;
            continue;
        }
        for _ in 0..empty_lines {
            hand_on(b"\r\n");
        }
        empty_lines = 0;
        let as_it_is = line.ends_with(b"\r\n") && kept == text.len() && !has_blank_run(text);
        if as_it_is {
            if pending.end != at {
                hand_on(&body[pending.clone()]);
                pending = at..at;
            }
            pending.end = end;
        } else {
            hand_on(&body[pending.clone()]);
            pending = end..end;
            hand_on(&squeezed(&text[..kept]));
            hand_on(b"\r\n");
        }
        at = end;
    }
    hand_on(&body[pending]);
}

fn has_blank_run(text: &[u8]) -> bool {
    text.contains(&b'\t') || text.windows(2).any(|pair| pair == b"  ")
}

fn squeezed(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    let mut blank = false;
    for octet in text {
        if matches!(octet, b' ' | b'\t') {
            blank = true;
            continue;
        }
        if blank {
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
    }
}
