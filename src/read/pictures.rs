//! An image file of the site, made into what every mail program shows.
//!
//! Octets in, octets out: decoded with limits, turned the way EXIF asks, set on white, resized to
//! twice the size at which it is shown, encoded anew as JPEG or PNG. What is encoded anew carries
//! no metadata: no camera, no place, no thumbnail of what was cropped away. WebP, GIF (its first
//! image) and SVG become JPEG or PNG like the rest.
//!
//! Colour profiles are dropped, so a photograph in a wide gamut looks a little paler than on the
//! site. Text inside an SVG is not drawn, since there is no font to draw it with: such a file is
//! refused rather than shown without its words.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType as PngFilter, PngEncoder};
use image::imageops::FilterType;
use image::{
    DynamicImage, ExtendedColorType, ImageDecoder, ImageEncoder, ImageReader, Limits, RgbImage, RgbaImage,
};
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{self, ImageHrefResolver};
use thiserror::Error;

use crate::domain::ImageFormat;

/// The version of this file's work: part of the name under which results are kept.
pub const VERSION: u32 = 3;

/// The largest image that is decoded, on each side and in all, pixels.
const LARGEST_SIDE: u32 = 16_000;
const MOST_PIXELS: u64 = 50_000_000;
/// What a decoder may allocate, octets.
const MOST_MEMORY: u64 = 256 << 20;
/// An SVG longer than this is no illustration.
const LONGEST_SVG: usize = 2 << 20;
/// Anything smaller is a spacer or a pixel that counts readers.
const SMALLEST_SIDE: u32 = 8;
/// JPEG qualities from the best to the least, of which the first that is light enough is taken.
const QUALITIES: [u8; 6] = [82, 76, 70, 62, 54, 46];

/// How a picture will be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Frame {
    /// The largest size, CSS pixels; proportions are kept and nothing is enlarged.
    pub width: u32,
    pub height: u32,
    /// What the picture should weigh at most, octets.
    pub weight: usize,
    /// Keeps a transparent background (a logo), which makes it a PNG; else it is white.
    pub transparent: bool,
}

/// A picture ready for a letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub bytes: Vec<u8>,
    /// `Jpeg` or `Png`.
    pub format: ImageFormat,
    /// The size at which it is shown, CSS pixels.
    pub width: u32,
    pub height: u32,
}

/// Why a file gives no picture.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NoPicture {
    #[error("it is no JPEG, PNG, GIF, WebP or SVG image")]
    UnknownFormat,
    #[error("it is damaged: {0}")]
    Damaged(String),
    #[error("it has {0} × {1} pixels, more than are decoded")]
    TooLarge(u32, u32),
    #[error("it has {0} × {1} pixels: a spacer, not a picture")]
    TooSmall(u32, u32),
    #[error("it is an SVG with text, which cannot be drawn without its fonts")]
    SvgText,
}

/// Prepares one file for one frame.
///
/// # Errors
/// Says why there is no picture; nothing in a file makes it panic or take unbounded memory.
pub fn prepare(file: &[u8], frame: &Frame) -> Result<Picture, NoPicture> {
    // Decoders of other people's formats promise not to panic; a letter does not depend on it.
    catch_unwind(AssertUnwindSafe(|| prepared(file, frame)))
        .unwrap_or_else(|_| Err(NoPicture::Damaged("its decoder gave up".to_owned())))
}

fn prepared(file: &[u8], frame: &Frame) -> Result<Picture, NoPicture> {
    let (picture, flat) = if looks_like_svg(file) { (draw_svg(file, frame)?, true) } else { decode(file)? };
    let (width, height) = shown(picture.width(), picture.height(), frame);
    if width < SMALLEST_SIDE || height < SMALLEST_SIDE {
        return Err(NoPicture::TooSmall(picture.width(), picture.height()));
    }
    let mut pixels = (picture.width().min(width * 2), picture.height().min(height * 2));
    let see_through = frame.transparent && picture.color().has_alpha();
    let picture = if see_through { picture } else { DynamicImage::ImageRgb8(on_white(picture)) };
    loop {
        let small = resized(&picture, pixels);
        let smallest = pixels.0 <= width || pixels.1 <= height;
        let found = if see_through {
            (png(&DynamicImage::ImageRgba8(small.into_rgba8())), ImageFormat::Png)
        } else {
            lightest(&small.into_rgb8(), frame.weight, flat)
        };
        if found.0.len() <= frame.weight || smallest {
            return Ok(Picture { bytes: found.0, format: found.1, width, height });
        }
        // By as much as its weight suggests, so that few sizes are tried.
        let share = (frame.weight as f32 / found.0.len() as f32).sqrt().clamp(0.5, 0.9);
        let less = |pixels: u32, least: u32| ((pixels as f32 * share) as u32).max(least);
        pixels = (less(pixels.0, width), less(pixels.1, height));
    }
}

/// The first encoding that is light enough, or the lightest there is. Drawings stay PNG, which
/// keeps their edges clean, while that costs little.
fn lightest(picture: &RgbImage, weight: usize, flat: bool) -> (Vec<u8>, ImageFormat) {
    let first = jpeg(picture, QUALITIES[0]);
    let whole = DynamicImage::ImageRgb8(picture.clone());
    // A quick look first: the best compression of what is no drawing after all takes seconds.
    if flat && encoded_png(&whole, CompressionType::Fast).len() <= weight * 3 {
        let png = png(&whole);
        if png.len() <= weight && png.len() <= first.len() * 3 / 2 {
            return (png, ImageFormat::Png);
        }
    }
    let mut best = first;
    if best.len() <= weight {
        return (best, ImageFormat::Jpeg);
    }
    let least = jpeg(picture, QUALITIES[QUALITIES.len() - 1]);
    if least.len() >= weight {
        return (least, ImageFormat::Jpeg);
    }
    for quality in &QUALITIES[1..QUALITIES.len() - 1] {
        best = jpeg(picture, *quality);
        if best.len() <= weight {
            return (best, ImageFormat::Jpeg);
        }
    }
    (least, ImageFormat::Jpeg)
}

/// The picture as it should be seen, and whether its format suggests a drawing.
fn decode(file: &[u8]) -> Result<(DynamicImage, bool), NoPicture> {
    let reader =
        ImageReader::new(Cursor::new(file)).with_guessed_format().map_err(|error| damaged(&error))?;
    let Some(format) = reader.format() else { return Err(NoPicture::UnknownFormat) };
    let mut decoder = reader.into_decoder().map_err(|error| damaged(&error))?;
    let (width, height) = decoder.dimensions();
    if width > LARGEST_SIDE || height > LARGEST_SIDE || u64::from(width) * u64::from(height) > MOST_PIXELS {
        return Err(NoPicture::TooLarge(width, height));
    }
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_MEMORY);
    decoder.set_limits(limits).map_err(|error| damaged(&error))?;
    // A broken orientation is no reason to lose the picture.
    let orientation = decoder.orientation().unwrap_or(image::metadata::Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| damaged(&error))?;
    picture.apply_orientation(orientation);
    Ok((picture, matches!(format, image::ImageFormat::Png | image::ImageFormat::Gif)))
}

fn damaged(error: &dyn std::fmt::Display) -> NoPicture {
    NoPicture::Damaged(error.to_string())
}

fn looks_like_svg(file: &[u8]) -> bool {
    let head = String::from_utf8_lossy(&file[..file.len().min(1024)]).to_lowercase();
    let head = head.trim_start_matches('\u{feff}').trim_start();
    head.starts_with("<svg")
        || head.starts_with("<?xml") && head.contains("<svg")
        || head.starts_with("<!") && head.contains("<svg")
}

/// Draws an SVG straight at the size it needs. It may load nothing: no file, no host.
fn draw_svg(file: &[u8], frame: &Frame) -> Result<DynamicImage, NoPicture> {
    if file.len() > LONGEST_SVG {
        return Err(NoPicture::Damaged("an SVG of over 2 MiB".to_owned()));
    }
    let text = std::str::from_utf8(file).map_err(|error| damaged(&error))?;
    if text.contains("<text") {
        return Err(NoPicture::SvgText);
    }
    let options = usvg::Options {
        image_href_resolver: ImageHrefResolver {
            resolve_data: Box::new(|_, _, _| None),
            resolve_string: Box::new(|_, _| None),
        },
        ..usvg::Options::default()
    };
    let tree = usvg::Tree::from_str(text, &options).map_err(|error| damaged(&error))?;
    let size = tree.size();
    let scale = (frame.width as f32 * 2.0 / size.width()).min(frame.height as f32 * 2.0 / size.height());
    let (width, height) = ((size.width() * scale).round() as u32, (size.height() * scale).round() as u32);
    if width == 0 || height == 0 {
        return Err(NoPicture::TooSmall(width, height));
    }
    let mut canvas = Pixmap::new(width, height).ok_or(NoPicture::TooLarge(width, height))?;
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut canvas.as_mut());
    let mut pixels = Vec::with_capacity(canvas.data().len());
    for pixel in canvas.pixels() {
        let color = pixel.demultiply();
        pixels.extend([color.red(), color.green(), color.blue(), color.alpha()]);
    }
    RgbaImage::from_raw(width, height, pixels)
        .map(DynamicImage::ImageRgba8)
        .ok_or(NoPicture::TooLarge(width, height))
}

/// The size at which a picture is shown inside its frame.
fn shown(width: u32, height: u32, frame: &Frame) -> (u32, u32) {
    let fit = |side: u32, other: u32, other_limit: u32| {
        (u64::from(side) * u64::from(other_limit) / u64::from(other.max(1))) as u32
    };
    let (mut w, mut h) = (width, height);
    if w > frame.width {
        (w, h) = (frame.width, fit(height, width, frame.width));
    }
    if h > frame.height {
        (w, h) = (fit(width, height, frame.height), frame.height);
    }
    (w.max(1), h.max(1))
}

/// Takes the picture, since a copy of a large photograph would be most of what parution needs.
fn on_white(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let picture = picture.into_rgba8();
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [red, green, blue, alpha] = picture.get_pixel(x, y).0;
        let over = |channel: u8| {
            ((u32::from(channel) * u32::from(alpha) + 255 * (255 - u32::from(alpha))) / 255) as u8
        };
        image::Rgb([over(red), over(green), over(blue)])
    })
}

fn resized(picture: &DynamicImage, (width, height): (u32, u32)) -> DynamicImage {
    if (picture.width(), picture.height()) == (width, height) {
        return picture.clone();
    }
    // Averaging first makes a large photograph twenty times faster, and no worse.
    if picture.width() > width * 3 && picture.height() > height * 3 {
        return picture.thumbnail_exact(width * 2, height * 2).resize_exact(
            width,
            height,
            FilterType::Lanczos3,
        );
    }
    picture.resize_exact(width, height, FilterType::Lanczos3)
}

fn jpeg(picture: &RgbImage, quality: u8) -> Vec<u8> {
    let mut out = Vec::new();
    JpegEncoder::new_with_quality(&mut out, quality)
        .write_image(picture, picture.width(), picture.height(), ExtendedColorType::Rgb8)
        .expect("writing to memory does not fail");
    out
}

fn png(picture: &DynamicImage) -> Vec<u8> {
    encoded_png(picture, CompressionType::Best)
}

fn encoded_png(picture: &DynamicImage, compression: CompressionType) -> Vec<u8> {
    let mut out = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut out, compression, PngFilter::Adaptive);
    picture.write_with_encoder(encoder).expect("writing to memory does not fail");
    out
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, GenericImageView, Rgb, RgbImage, Rgba, RgbaImage};

    use super::{Frame, NoPicture, prepare};
    use crate::domain::ImageFormat;

    const LEAD: Frame = Frame { width: 536, height: 480, weight: 60_000, transparent: false };

    /// Something like a photograph: soft shapes and grain.
    fn photograph(width: u32, height: u32) -> DynamicImage {
        let picture = RgbImage::from_fn(width, height, |x, y| {
            let grain = (x.wrapping_mul(2_654_435_761).wrapping_add(y.wrapping_mul(40_503)) >> 13 & 15) as u8;
            Rgb([(x * 200 / width) as u8 + grain, (y * 200 / height) as u8 + grain, 90 + grain])
        });
        DynamicImage::ImageRgb8(picture)
    }

    fn encoded(picture: &DynamicImage, format: image::ImageFormat) -> Vec<u8> {
        let mut out = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut out, format).unwrap();
        out.into_inner()
    }

    #[test]
    fn a_photograph_becomes_a_light_jpeg_of_twice_the_shown_size() {
        let file = encoded(&photograph(2400, 1350), image::ImageFormat::Jpeg);
        let picture = prepare(&file, &LEAD).unwrap();
        assert_eq!((picture.width, picture.height, picture.format), (536, 301, ImageFormat::Jpeg));
        assert!(picture.bytes.len() <= 60_000, "{}", picture.bytes.len());
        let read = image::load_from_memory(&picture.bytes).unwrap();
        assert_eq!(read.dimensions(), (1072, 602));
    }

    #[test]
    fn a_photograph_lying_on_its_side_is_turned_and_says_nothing_of_the_camera() {
        let mut file = encoded(&photograph(600, 300), image::ImageFormat::Jpeg);
        // An APP1 segment with one EXIF entry: orientation 6, a quarter turn clockwise.
        let exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
        let mut segment = vec![0xff, 0xe1, 0, exif.len() as u8 + 2];
        segment.extend_from_slice(exif);
        file.splice(2..2, segment);
        let picture = prepare(&file, &LEAD).unwrap();
        assert!(picture.height > picture.width, "{} × {}", picture.width, picture.height);
        assert!(!picture.bytes.windows(4).any(|octets| octets == b"Exif"));
    }

    #[test]
    fn a_transparent_drawing_stands_on_white_unless_it_is_a_logo() {
        let mut drawing = RgbaImage::from_pixel(300, 100, Rgba([0, 0, 0, 0]));
        for x in 100..200 {
            drawing.put_pixel(x, 50, Rgba([20, 40, 160, 255]));
        }
        let file = encoded(&DynamicImage::ImageRgba8(drawing), image::ImageFormat::Png);
        let picture = prepare(&file, &LEAD).unwrap();
        assert_eq!(picture.format, ImageFormat::Png);
        let read = image::load_from_memory(&picture.bytes).unwrap();
        assert_eq!(read.get_pixel(0, 0), Rgba([255, 255, 255, 255]));
        let logo = prepare(&file, &Frame { transparent: true, ..LEAD }).unwrap();
        assert_eq!(image::load_from_memory(&logo.bytes).unwrap().get_pixel(0, 0).0[3], 0);
    }

    #[test]
    fn every_format_of_the_web_becomes_one_that_mail_shows() {
        for format in [image::ImageFormat::WebP, image::ImageFormat::Gif, image::ImageFormat::Png] {
            let picture = prepare(&encoded(&photograph(64, 48), format), &LEAD).unwrap();
            assert_eq!((picture.width, picture.height), (64, 48), "{format:?} is not enlarged");
        }
        let svg = b"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 20 10'><rect width='20' height='10' fill='#124'/></svg>";
        let picture = prepare(svg, &LEAD).unwrap();
        assert_eq!((picture.width, picture.height), (536, 268));
    }

    #[test]
    fn what_is_no_picture_is_named() {
        assert_eq!(prepare(b"<html>", &LEAD), Err(NoPicture::UnknownFormat));
        assert!(matches!(prepare(b"\x89PNG\r\n\x1a\n????", &LEAD), Err(NoPicture::Damaged(_))));
        let pixel = encoded(&photograph(1, 1), image::ImageFormat::Png);
        assert_eq!(prepare(&pixel, &LEAD), Err(NoPicture::TooSmall(1, 1)));
        let svg = b"<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'><text>a</text></svg>";
        assert_eq!(prepare(svg, &LEAD), Err(NoPicture::SvgText));
        // A header that claims a billion pixels.
        let mut bomb = encoded(&photograph(8, 8), image::ImageFormat::Png);
        bomb[16..24].copy_from_slice(&[0, 0, 0x7f, 0xff, 0, 0, 0x7f, 0xff]);
        assert!(prepare(&bomb, &LEAD).is_err());
    }
}
