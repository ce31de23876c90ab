//! Looks at image files: their facts for feeds, their octets for letters.

use std::path::Path;
use std::sync::PoisonError;

use super::Scan;
use super::root::{Fault, Links};
use super::tree::Presence;
use crate::domain::{ImageFacts, SitePath};
use crate::read::images::{HEAD_BYTES, LONG_HEAD_BYTES, MAX_BYTES, NotAnImage, facts};

/// What is known of an image of the site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Look {
    Seen(ImageFacts),
    /// The tree cannot tell; it is linked as the site links it.
    Unknown,
    /// The end of a sentence that begins with the image's name.
    Bad(String),
}

impl Scan {
    /// The octets of an image of the site, at most 20 MiB.
    ///
    /// # Errors
    /// When the file is not there, leads out of the site's folder, or is no regular file.
    pub fn image_bytes(&self, path: &SitePath) -> Result<Vec<u8>, Fault> {
        match self.root.read(Path::new(path.as_str()), MAX_BYTES, Links::Follow) {
            Err(Fault::Missing) if self.has_collection_folder(path) => {
                self.root.read(Path::new(&format!("_{}", path.as_str())), MAX_BYTES, Links::Follow)
            }
            result => result,
        }
    }

    pub(super) fn look_at(&self, path: &SitePath) -> Look {
        // Two threads may look at one image at once; they see the same.
        let looks = || self.looks.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(look) = looks().get(path) {
            return look.clone();
        }
        let look = self.look_now(path);
        looks().insert(path.clone(), look.clone());
        look
    }

    fn look_now(&self, path: &SitePath) -> Look {
        let mut most = HEAD_BYTES;
        loop {
            match self.head(path, most) {
                Ok((_, bytes)) if bytes > MAX_BYTES => {
                    return Look::Bad(Fault::TooLong { bytes, limit: MAX_BYTES }.what());
                }
                Ok((head, bytes)) => match facts(&head, bytes) {
                    Ok(facts) => return Look::Seen(facts),
                    Err(NotAnImage::Truncated) if bytes > most && most < LONG_HEAD_BYTES => {
                        most = LONG_HEAD_BYTES;
                    }
                    Err(why) => return Look::Bad(why.to_string()),
                },
                Err(Fault::Missing) if self.file_presence(path) == Presence::Unknown => return Look::Unknown,
                Err(fault) => return Look::Bad(fault.what()),
            }
        }
    }

    fn head(&self, path: &SitePath, most: u64) -> Result<(Vec<u8>, u64), Fault> {
        match self.root.read_head(Path::new(path.as_str()), most, Links::Follow) {
            Err(Fault::Missing) if self.has_collection_folder(path) => {
                self.root.read_head(Path::new(&format!("_{}", path.as_str())), most, Links::Follow)
            }
            result => result,
        }
    }

    /// A collection of files (`_uploads/`) is published without its underscore.
    fn has_collection_folder(&self, path: &SitePath) -> bool {
        let first = path.as_str().split('/').next().unwrap_or_default();
        self.site.collection(first).is_some()
    }
}
