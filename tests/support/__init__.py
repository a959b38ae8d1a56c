"""What many tests share: dialogues, a scripted world, small servers."""
