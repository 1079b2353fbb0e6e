"""PLACEHOLDER for a few minutes so that others can import; the encodings helper overwrites this."""
import base64
def names(): return ("plain","base64","hex","rot13","reversed","binary","brainfuck")
def encode(name, text):
    if name == "base64": return base64.b64encode(text.encode()).decode()
    if name == "hex": return text.encode().hex()
    if name == "reversed": return text[::-1]
    if name == "brainfuck":
        from rewardgym import brainfuck
        return brainfuck.compile_text(text)
    return text
