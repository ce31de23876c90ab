//! What an image file says of itself in its first octets: format, pixels, rotation.
//!
//! The format comes from the content, never from the name. Only headers are read: a file that
//! claims a size beyond the limits is refused before anyone decodes it.

use std::fmt;

use crate::domain::{ImageFacts, ImageFormat};

/// Octets from which most headers can be read.
pub const HEAD_BYTES: u64 = 64 * 1024;

/// Octets within which the rest must be found: photographs carry long EXIF and colour profiles.
pub const LONG_HEAD_BYTES: u64 = 4 * 1024 * 1024;

/// Pixels of one side, and of the whole image, that parution is willing to decode.
const MAX_SIDE: u32 = 16_384;
const MAX_PIXELS: u64 = 8_192 * 8_192;

/// Why a file is not an image that can be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotAnImage {
    /// More octets may tell.
    Truncated,
    Unknown,
    Broken(&'static str),
    TooLarge {
        width: u32,
        height: u32,
    },
}

impl fmt::Display for NotAnImage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("is cut off"),
            Self::Unknown => f.write_str("is not a JPEG, PNG, GIF, WebP or SVG image"),
            Self::Broken(what) => write!(f, "is damaged: {what}"),
            Self::TooLarge { width, height } => {
                write!(
                    f,
                    "claims {width} × {height} pixels, over the limit of {MAX_SIDE} a side and 67 million in all"
                )
            }
        }
    }
}

/// Reads the header in `head`, the first octets of a file of `bytes` octets.
pub fn facts(head: &[u8], bytes: u64) -> Result<ImageFacts, NotAnImage> {
    let (format, (width, height)) = if head.starts_with(b"\x89PNG\r\n\x1a\n") {
        (ImageFormat::Png, png(head, bytes)?)
    } else if head.starts_with(b"\xff\xd8\xff") {
        (ImageFormat::Jpeg, jpeg(head)?)
    } else if head.starts_with(b"GIF87a") || head.starts_with(b"GIF89a") {
        (ImageFormat::Gif, gif(head)?)
    } else if head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP") {
        (ImageFormat::WebP, webp(head)?)
    } else if let Some(size) = svg(head) {
        (ImageFormat::Svg, size)
    } else {
        return Err(if bytes == 0 { NotAnImage::Broken("it is empty") } else { NotAnImage::Unknown });
    };
    if format != ImageFormat::Svg && (width == 0 || height == 0) {
        return Err(NotAnImage::Broken("it has no pixels"));
    }
    if width > MAX_SIDE || height > MAX_SIDE || u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(NotAnImage::TooLarge { width, height });
    }
    Ok(ImageFacts { format, bytes, width, height })
}

type Size = (u32, u32);

fn be32(data: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(data.get(at..at + 4)?.try_into().ok()?))
}

fn be16(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(data.get(at..at + 2)?.try_into().ok()?))
}

fn le16(data: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(data.get(at..at + 2)?.try_into().ok()?))
}

fn le24(data: &[u8], at: usize) -> Option<u32> {
    let b = data.get(at..at + 3)?;
    Some(u32::from(b[0]) | u32::from(b[1]) << 8 | u32::from(b[2]) << 16)
}

/// PNG (W3C, third edition) 5.2 and 11.2.1; rotation may stand in `eXIf`, before the first `IDAT`.
fn png(head: &[u8], bytes: u64) -> Result<Size, NotAnImage> {
    // Signature, IHDR, the smallest IDAT and IEND.
    const SMALLEST: u64 = 8 + 25 + 12 + 12;
    if head.get(12..16) != Some(b"IHDR") || bytes < SMALLEST {
        return Err(NotAnImage::Broken("a PNG without a header"));
    }
    let (Some(width), Some(height), Some(crc)) = (be32(head, 16), be32(head, 20), be32(head, 29)) else {
        return Err(NotAnImage::Truncated);
    };
    if crc32(&head[12..29]) != crc {
        return Err(NotAnImage::Broken("the checksum of its header is wrong"));
    }
    let mut at = 33;
    let mut orientation = 1;
    while let (Some(length), Some(kind)) = (be32(head, at), head.get(at + 4..at + 8)) {
        if kind == b"IDAT" || kind == b"IEND" {
            break;
        }
        if kind == b"eXIf" {
            orientation = head.get(at + 8..).map_or(1, exif_orientation);
            break;
        }
        at += 12 + length as usize;
    }
    Ok(turned((width, height), orientation))
}

fn crc32(data: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xedb8_8320 & 0_u32.wrapping_sub(crc & 1));
        }
    }
    !crc
}

/// JPEG (ITU T.81) B.1: segments up to the first frame header.
fn jpeg(head: &[u8]) -> Result<Size, NotAnImage> {
    let mut at = 2;
    let mut orientation = 1;
    loop {
        let Some(mark) = head.get(at) else { return Err(NotAnImage::Truncated) };
        if *mark != 0xff {
            return Err(NotAnImage::Broken("a JPEG whose segments do not follow one another"));
        }
        let Some(kind) = head.get(at + 1).copied() else { return Err(NotAnImage::Truncated) };
        match kind {
            // Fill octets, and marks without a length.
            0xff => at += 1,
            0x01 | 0xd0..=0xd8 => at += 2,
            0xd9 | 0xda => return Err(NotAnImage::Broken("a JPEG without a size")),
            _ => {
                let Some(length) = be16(head, at + 2) else { return Err(NotAnImage::Truncated) };
                if length < 2 {
                    return Err(NotAnImage::Broken("a JPEG with an impossible segment"));
                }
                // SOF0 to SOF15, without DHT, JPG and DAC.
                if matches!(kind, 0xc0..=0xcf) && !matches!(kind, 0xc4 | 0xc8 | 0xcc) {
                    let (Some(height), Some(width)) = (be16(head, at + 5), be16(head, at + 7)) else {
                        return Err(NotAnImage::Truncated);
                    };
                    return Ok(turned((width.into(), height.into()), orientation));
                }
                if kind == 0xe1 && head.get(at + 4..at + 10) == Some(b"Exif\0\0") {
                    orientation = exif_orientation(&head[at + 10..]);
                }
                at += 2 + usize::from(length);
            }
        }
    }
}

/// Tag 0x0112 of the first directory of a TIFF block (Exif 2.32, 4.6.4); 1 when it is not there.
fn exif_orientation(tiff: &[u8]) -> u16 {
    let read = || {
        let little = match tiff.get(..4)? {
            b"II*\0" => true,
            b"MM\0*" => false,
            _ => return None,
        };
        let short = |at| if little { le16(tiff, at) } else { be16(tiff, at) };
        let long = |at| {
            let raw: [u8; 4] = tiff.get(at..at + 4)?.try_into().ok()?;
            Some(if little { u32::from_le_bytes(raw) } else { u32::from_be_bytes(raw) } as usize)
        };
        let directory = long(4)?;
        for entry in 0..usize::from(short(directory)?) {
            let at = directory.checked_add(2 + entry * 12)?;
            if short(at)? == 0x0112 {
                return short(at + 8);
            }
        }
        None
    };
    read().filter(|value| (1..=8).contains(value)).unwrap_or(1)
}

/// Orientations 5 to 8 lie on their side.
fn turned((width, height): Size, orientation: u16) -> Size {
    if orientation >= 5 { (height, width) } else { (width, height) }
}

/// GIF89a, section 18: the logical screen.
fn gif(head: &[u8]) -> Result<Size, NotAnImage> {
    match (le16(head, 6), le16(head, 8)) {
        (Some(width), Some(height)) => Ok((width.into(), height.into())),
        _ => Err(NotAnImage::Truncated),
    }
}

/// WebP (RFC 9649): a simple lossy or lossless file, or the extended form.
fn webp(head: &[u8]) -> Result<Size, NotAnImage> {
    let size = || match head.get(12..16)? {
        b"VP8 " => {
            // RFC 6386, 9.1: the start code, then 14 bits for each side.
            (head.get(23..26)? == [0x9d, 0x01, 0x2a]).then_some(())?;
            Some((u32::from(le16(head, 26)? & 0x3fff), u32::from(le16(head, 28)? & 0x3fff)))
        }
        b"VP8L" => {
            (*head.get(20)? == 0x2f).then_some(())?;
            let bits = u32::from_le_bytes(head.get(21..25)?.try_into().ok()?);
            Some(((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1))
        }
        b"VP8X" => Some((le24(head, 24)? + 1, le24(head, 27)? + 1)),
        _ => None,
    };
    size().ok_or(NotAnImage::Broken("a WebP without a size"))
}

/// SVG 1.1, 7.2: `width` and `height` in pixels, else the `viewBox`; 0 × 0 when neither says.
fn svg(head: &[u8]) -> Option<Size> {
    let head = &head[..head.len().min(16 * 1024)];
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start_matches('\u{feff}').trim_start();
    if !text.starts_with("<svg") && !text.starts_with("<?xml") && !text.starts_with("<!") {
        return None;
    }
    let start = text.find("<svg")?;
    let tag = &text[start..start + text[start..].find('>')?];
    let value = |name: &str| {
        let at = tag.find(&format!(" {name}=")).or_else(|| tag.find(&format!("\n{name}=")))?;
        let rest = &tag[at + name.len() + 2..];
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        rest[1..].split(quote).next()
    };
    let pixels = |text: &str| {
        let number: f64 = text.trim().trim_end_matches("px").parse().ok()?;
        (0.5..1e6).contains(&number).then(|| number.round() as u32)
    };
    if let (Some(width), Some(height)) = (value("width").and_then(pixels), value("height").and_then(pixels)) {
        return Some((width, height));
    }
    let sides: Vec<_> = value("viewBox")
        .map(|numbers| numbers.split([' ', ',']).filter(|n| !n.is_empty()).skip(2).map(pixels).collect())
        .unwrap_or_default();
    match sides.as_slice() {
        [Some(width), Some(height)] => Some((*width, *height)),
        _ => Some((0, 0)),
    }
}

#[cfg(test)]
mod tests {
    use super::{NotAnImage, facts};
    use crate::domain::ImageFormat;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut ihdr = b"IHDR".to_vec();
        ihdr.extend(width.to_be_bytes());
        ihdr.extend(height.to_be_bytes());
        ihdr.extend([8, 2, 0, 0, 0]);
        let mut file = b"\x89PNG\r\n\x1a\n\0\0\0\x0d".to_vec();
        file.extend(&ihdr);
        file.extend(super::crc32(&ihdr).to_be_bytes());
        file.extend(b"\0\0\0\0IDAT1234\0\0\0\0IEND1234");
        file
    }

    fn jpeg(width: u16, height: u16, orientation: u8) -> Vec<u8> {
        let mut file =
            b"\xff\xd8\xff\xe1\0\x22Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
        file.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
        file.extend(b"\xff\xc0\0\x0b\x08");
        file.extend(height.to_be_bytes());
        file.extend(width.to_be_bytes());
        file.extend(b"\x01\x01\x11\0");
        file
    }

    fn size(file: &[u8]) -> Option<(ImageFormat, u32, u32)> {
        facts(file, file.len() as u64).ok().map(|f| (f.format, f.width, f.height))
    }

    #[test]
    fn every_format_tells_its_size() {
        assert_eq!(size(&png(640, 480)), Some((ImageFormat::Png, 640, 480)));
        assert_eq!(size(&jpeg(640, 480, 1)), Some((ImageFormat::Jpeg, 640, 480)));
        assert_eq!(size(b"GIF89a\x0a\0\x14\0"), Some((ImageFormat::Gif, 10, 20)));
        let webp = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0\x09\0\0\x13\0\0";
        assert_eq!(size(webp), Some((ImageFormat::WebP, 10, 20)));
        let lossless = b"RIFF\0\0\0\0WEBPVP8L\x0a\0\0\0\x2f\x09\xc0\x04\0\0";
        assert_eq!(size(lossless), Some((ImageFormat::WebP, 10, 20)));
        let lossy = b"RIFF\0\0\0\0WEBPVP8 \x0a\0\0\0\0\0\0\x9d\x01\x2a\x0a\0\x14\0";
        assert_eq!(size(lossy), Some((ImageFormat::WebP, 10, 20)));
        let svg = b"<?xml version='1.0'?>\n<svg xmlns='x' width='10px' height=\"20\"><a/></svg>";
        assert_eq!(size(svg), Some((ImageFormat::Svg, 10, 20)));
        assert_eq!(size(b"<svg viewBox=\"0 0 30 40\"></svg>"), Some((ImageFormat::Svg, 30, 40)));
    }

    #[test]
    fn a_photograph_on_its_side_is_turned() {
        assert_eq!(size(&jpeg(640, 480, 6)), Some((ImageFormat::Jpeg, 480, 640)));
        assert_eq!(size(&jpeg(640, 480, 3)), Some((ImageFormat::Jpeg, 640, 480)));
    }

    #[test]
    fn what_is_no_image_is_refused() {
        assert_eq!(facts(b"<html><script>", 14), Err(NotAnImage::Unknown));
        assert_eq!(facts(b"BM", 2), Err(NotAnImage::Unknown));
        assert!(facts(b"", 0).is_err());
        let mut crc = png(2, 2);
        crc[30] ^= 1;
        assert!(facts(&crc, 100).is_err());
        assert_eq!(facts(&jpeg(2, 2, 1)[..30], 100), Err(NotAnImage::Truncated));
    }

    #[test]
    fn a_claim_beyond_the_limits_is_refused_before_decoding() {
        for (width, height) in [(30_000, 30_000), (2_000_000, 10), (u32::MAX, u32::MAX), (10_000, 10_000)] {
            let file = png(width, height);
            assert_eq!(facts(&file, file.len() as u64), Err(NotAnImage::TooLarge { width, height }));
        }
        assert!(facts(&png(0, 0), 100).is_err());
    }
}
