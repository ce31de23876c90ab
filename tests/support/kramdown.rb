# Renders texts as Jekyll does: a JSON list of texts in, a JSON list of HTML out.
# The settings are those of Jekyll's own defaults, without syntax colouring.
require "json"
require "kramdown"
require "kramdown-parser-gfm"

SETTINGS = {
  input: "GFM", auto_ids: true, toc_levels: (1..6).to_a, entity_output: "as_char",
  smart_quotes: "lsquo,rsquo,ldquo,rdquo", hard_wrap: false, guess_lang: true, footnote_nr: 1,
  syntax_highlighter: nil
}.freeze

texts = JSON.parse($stdin.read)
puts JSON.generate(texts.map { |text| Kramdown::Document.new(text, SETTINGS).to_html })
