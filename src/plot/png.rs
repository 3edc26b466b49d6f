//! PNG: the library draws pixels, larger than they are shown; here they are made smaller, which smooths
//! them, and written into a file.
//!
//! Writing is three chunks around a compressed stream (RFC 2083), both of which the program has code
//! for; a library for it would cost a longer build than all of drawing.

use super::draw::{Canvas, WIDTH, height};
use super::picture::Picture;
use super::theme::{DARK, LIGHT};
use super::{PlotError, Theme};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use plotters::prelude::{BitMapBackend, IntoDrawingArea};
use std::io::Write;

/// Pixels of the file a unit, so that it is sharp on a fine screen.
const UNIT: usize = 2;

/// Pixels that are drawn for one of the file, in each direction.
const FINER: usize = 2;

/// Units of height beyond which pixels are drawn as they are, to bound the memory.
const HIGH: i32 = 2500;

/// Draws a picture.
pub(super) fn draw(picture: &Picture<'_>, title: &str, theme: Theme) -> Result<Vec<u8>, PlotError> {
    let colours = match theme {
        Theme::Light => LIGHT,
        Theme::Dark => DARK,
    };
    let (width, height) = (WIDTH as usize * UNIT, height(picture) as usize * UNIT);
    let finer = if height as i32 > HIGH * UNIT as i32 { 1 } else { FINER };
    let (wide, high) = (width * finer, height * finer);
    let mut fine = vec![0; wide * high * 3];
    {
        let area =
            BitMapBackend::with_buffer(&mut fine, (wide as u32, high as u32)).into_drawing_area();
        Canvas { area: &area, colours, unit: (UNIT * finer) as i32, joins: false }
            .picture(picture, title)?;
    }
    let pixels = if finer == 1 { fine } else { smaller(&fine, width, height) };
    Ok(encode(&pixels, width, height)?)
}

/// The mean of each square of pixels.
fn smaller(fine: &[u8], width: usize, height: usize) -> Vec<u8> {
    let wide = width * FINER * 3;
    let mut out = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            for colour in 0..3 {
                let first = y * FINER * wide + x * FINER * 3 + colour;
                let square = (0..FINER).flat_map(|dy| (0..FINER).map(move |dx| dy * wide + dx * 3));
                let sum: usize = square.map(|offset| usize::from(fine[first + offset])).sum();
                out.push((sum / (FINER * FINER)) as u8);
            }
        }
    }
    out
}

/// Writes pixels of three bytes each.
fn encode(pixels: &[u8], width: usize, height: usize) -> std::io::Result<Vec<u8>> {
    let mut out = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut header = Vec::new();
    header.extend((width as u32).to_be_bytes());
    header.extend((height as u32).to_be_bytes());
    // Eight bits for each of three colours, not interlaced.
    header.extend([8, 2, 0, 0, 0]);
    chunk(&mut out, b"IHDR", &header);
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    for line in pixels.chunks(width * 3) {
        // Each line is stored as it is.
        encoder.write_all(&[0])?;
        encoder.write_all(line)?;
    }
    chunk(&mut out, b"IDAT", &encoder.finish()?);
    chunk(&mut out, b"IEND", &[]);
    Ok(out)
}

fn chunk(out: &mut Vec<u8>, kind: &[u8; 4], data: &[u8]) {
    out.extend((data.len() as u32).to_be_bytes());
    let start = out.len();
    out.extend(kind);
    out.extend(data);
    let sum = crc32fast::hash(&out[start..]);
    out.extend(sum.to_be_bytes());
}
