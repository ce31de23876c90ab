//! Where the site is, and where its settings are.

use std::path::{Path, PathBuf};

use super::ConfigError;

/// The folders everything else is found from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The site's folder, which holds `_config.yml`.
    pub site: PathBuf,
    /// `parution.yml`, if there is one.
    pub settings: Option<PathBuf>,
    /// The folder parution was started in: relative outputs go below it.
    pub here: PathBuf,
}

impl Place {
    /// Finds the site: the folder asked for, else `here` if it is a site, else `content/` below it.
    ///
    /// # Errors
    /// When there is no such folder, or nothing that looks like a site.
    pub fn find(here: &Path, site: Option<&Path>, settings: Option<&Path>) -> Result<Self, ConfigError> {
        let found = match site {
            Some(folder) if folder.is_dir() => folder.to_owned(),
            Some(folder) => {
                return Err(ConfigError::Place(format!(
                    "{}: there is no such folder — give the site's folder with --site",
                    folder.display()
                )));
            }
            None => {
                [here.to_owned(), here.join("content")].into_iter().find(|f| is_site(f)).ok_or_else(|| {
                    ConfigError::Place(
                        "this folder holds no site (no _config.yml, here or in content/) — start parution in \
                         the site's folder, or name it with --site"
                            .to_owned(),
                    )
                })?
            }
        };
        let settings = match settings {
            Some(file) if file.is_file() => Some(file.to_owned()),
            Some(file) => {
                return Err(ConfigError::Place(format!(
                    "{}: there is no such settings file — check --config",
                    file.display()
                )));
            }
            None => Some(found.join("parution.yml")).filter(|f| f.exists()),
        };
        Ok(Self { site: found, settings, here: here.to_owned() })
    }

    /// The folder of `parution.yml`, or of the site when there is none: inputs are beside it.
    #[must_use]
    pub fn beside(&self) -> &Path {
        self.settings.as_deref().and_then(Path::parent).unwrap_or(&self.site)
    }

    /// An input the settings name, absolute or beside them.
    #[must_use]
    pub fn input(&self, path: &str) -> PathBuf {
        self.beside().join(path)
    }

    /// An output the settings name, absolute or below the folder parution was started in.
    #[must_use]
    pub fn output(&self, path: &str) -> PathBuf {
        self.here.join(path)
    }
}

fn is_site(folder: &Path) -> bool {
    folder.join("_config.yml").is_file() || folder.join("parution.yml").is_file()
}

#[cfg(test)]
mod tests {
    use super::Place;

    #[test]
    fn the_current_folder_wins_over_content_below_it() {
        let folder = tempfile::tempdir().unwrap();
        let content = folder.path().join("content");
        std::fs::create_dir(&content).unwrap();
        assert!(Place::find(folder.path(), None, None).is_err());
        std::fs::write(content.join("_config.yml"), "title: T").unwrap();
        assert_eq!(Place::find(folder.path(), None, None).unwrap().site, content);
        std::fs::write(folder.path().join("_config.yml"), "title: T").unwrap();
        assert_eq!(Place::find(folder.path(), None, None).unwrap().site, folder.path());
    }
}
